"""Damaged files of models: one line that names the file, and no weights made up."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from peft import LoraConfig, get_peft_model

from scl_rl.errors import UserError
from scl_rl.modeling.load import ModelCard, load_base, load_trained, read_card, save_trained
from tests.support.tiny import make_tiny_model

CARD = ModelCard(base="./tiny", dtype="float32", template="{text}", chat=False, answer="lines")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model ``tiny``, and an ``adapter`` on it."""
    folder = tmp_path_factory.mktemp("models")
    make_tiny_model(folder / "tiny")
    loaded = load_base("./tiny", folder, "float32")
    loaded.model = get_peft_model(loaded.model, LoraConfig(r=4, target_modules=["q_proj"]))
    save_trained(loaded, folder / "adapter", CARD)
    return folder


@pytest.fixture
def models(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "models")
    return tmp_path / "models"


def settings(name: str, **changes: Any) -> Callable[[Path], None]:
    """Change settings in a JSON file."""

    def change(folder: Path) -> None:
        whole = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(whole | changes))

    return change


def content(name: str, put: bytes | None) -> Callable[[Path], None]:
    """Replace what a file holds; None: cut its last bytes off."""

    def change(folder: Path) -> None:
        file = folder / name
        if put is None:
            os.truncate(file, file.stat().st_size - 20)
        else:
            file.write_bytes(put)

    return change


def gone(name: str) -> Callable[[Path], None]:
    """Remove a file."""
    return lambda folder: (folder / name).unlink()


WHOLE = [
    (content("model.safetensors", b""), "/model.safetensors: is damaged: "),
    (content("model.safetensors", None), "/model.safetensors: is damaged: "),
    (content("model.safetensors", b"\xff" * 99), "/model.safetensors: is damaged: "),
    (gone("model.safetensors"), "no file named model.safetensors"),
    (content("config.json", b""), "/config.json: is damaged: not JSON: "),
    (content("config.json", b"[" * 9999), "/config.json: is damaged: not JSON: "),
    (content("tokenizer.json", None), "/tokenizer.json: is damaged: not JSON: "),
    (content("tokenizer.json", b"[]"), "/tokenizer.json: is damaged: it is no JSON object"),
    (content("tokenizer.json", b"{}"), "can't be loaded from"),
    (gone("tokenizer.json"), "can't be loaded from"),
    (settings("tokenizer_config.json", tokenizer_class=3), "can't be loaded from"),
    (settings("tokenizer_config.json", model_max_length=[]), "can't be loaded from"),
    (
        settings("tokenizer_config.json", pad_token="<|new|>"),
        "has a special token, 257, that the model doesn't",
    ),
    (
        settings("tokenizer_config.json", pad_token=None, eos_token=None),
        "its tokenizer has neither a pad token nor an end token",
    ),
    (settings("generation_config.json", eos_token_id=[]), "eos_token_id is an empty list"),
    (settings("config.json", hidden_size=64), "its weights have other shapes than its settings say"),
    (settings("config.json", hidden_size=-3), "can't be loaded from"),
    (settings("config.json", hidden_size=-968), "its weights have other shapes than its settings say"),
    (settings("config.json", hidden_size="x"), "can't be loaded from"),
    (settings("config.json", num_attention_heads=0), "can't be loaded from"),
    (settings("config.json", model_type="nix"), "can't be loaded from"),
    (
        settings("config.json", num_hidden_layers=3),
        "9 of its weights are not in its files, such as model.layers.2.",
    ),
]


@pytest.mark.parametrize(("damage", "said"), WHOLE)
def test_a_damaged_model_is_one_line(models: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(models / "tiny")
    with pytest.raises(UserError) as caught:
        load_base("./tiny", models, "float32")
    assert said in str(caught.value) and "\n" not in str(caught.value)


ADAPTER = [
    (content("adapter_model.safetensors", b""), "/adapter_model.safetensors: is damaged: "),
    (content("adapter_model.safetensors", None), "/adapter_model.safetensors: is damaged: "),
    (
        gone("adapter_model.safetensors"),
        "/adapter_model.safetensors: can't be read: No such file or directory",
    ),
    (content("adapter_config.json", None), "/adapter_config.json: is damaged: not JSON: "),
    (content("adapter_config.json", b"{}"), "can't be loaded from"),
    (gone("adapter_config.json"), "has neither config.json nor adapter_config.json"),
    (settings("adapter_config.json", r=5), "its weights have other shapes than its settings say"),
    (settings("adapter_config.json", r="x"), "can't be loaded from"),
    (settings("adapter_config.json", peft_type="XXX"), "can't be loaded from"),
    (content("scl_rl.json", b""), "/scl_rl.json: is damaged: Invalid JSON: EOF"),
    (content("scl_rl.json", b"\xff"), "/scl_rl.json: is damaged: "),
    (
        settings("scl_rl.json", window="x"),
        "/scl_rl.json: is damaged: window: Input should be a valid integer",
    ),
    (gone("scl_rl.json"), "not a model folder of scl-rl (no scl_rl.json in it)"),
]


@pytest.mark.parametrize(("damage", "said"), ADAPTER)
def test_a_damaged_adapter_is_one_line(models: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(models / "adapter")
    with pytest.raises(UserError) as caught:
        load_trained(models / "adapter", models)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_whole_loads(models: Path) -> None:
    assert load_trained(models / "adapter", models).name == str(models / "adapter")
    (models / "adapter/scl_rl.json").unlink()
    (models / "adapter/scl_rl.json").mkdir()
    with pytest.raises(UserError, match=r"scl_rl\.json: can't be read: Is a directory"):
        read_card(models / "adapter")


def test_lack_of_memory_is_no_damage(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError(), RuntimeError("[enforce fail] can't allocate memory"), ImportError("no x")):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", fail)
        with pytest.raises(type(error)):
            load_base("./tiny", models, "float32")
