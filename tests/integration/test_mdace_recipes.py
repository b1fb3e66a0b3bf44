"""The recipes for 7B and 8B models, on tiny models of the same architecture and invented notes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support import HOME

torch = pytest.importorskip("torch")

from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from scl_rl.cli.main import main  # noqa: E402
from scl_rl.corpus.sources.synthetic import SyntheticSource  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

MODELS: dict[str, tuple[Any, Any]] = {
    "llama3-8b-mdace": (LlamaConfig, LlamaForCausalLM),
    "qwen-7b-mdace": (Qwen2Config, Qwen2ForCausalLM),
}
SMALL = {
    "window.tokens": "512",
    "scl.tokens": "12000",
    "scl.launch.config": "cpu",
    "scl.launch.processes": "2",
    "scl.trainer.gradient_accumulation_steps": "1",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with invented notes, the one that the recipes look for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCL_RL_MDACE", str(tmp_path / "mdace"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HOME), os.environ.get("PYTHONPATH", "")]))
    source = SyntheticSource(codes=6, documents=12, code_only=0, dev=4, test=4, characters=150)
    source.prepare(tmp_path / "mdace")
    (tmp_path / "mdace" / "annotated.jsonl").rename(tmp_path / "mdace" / "train.jsonl")
    return tmp_path


def tiny(folder: Path, config: Any, model: Any) -> Path:
    """A random model of an architecture that reads letters."""
    make_tiny_model(folder)
    shape = json.loads((folder / "config.json").read_text())
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    ids = {"bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
    small = config(
        **{name: shape[name] for name in kept}, **ids, num_key_value_heads=1, max_position_embeddings=8192
    )
    model(small).save_pretrained(folder)
    return folder


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_plan_and_a_dry_run(name: str, place: Path) -> None:
    model = tiny(place / "tiny", *MODELS[name])
    small = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    options = [name, "--set", f"model.name={model}", *small, "--runs", str(place / "runs")]
    planned = call("plan", *options, "--json")
    assert planned.exit_code == 0, planned.output
    stages = {stage["name"]: stage for stage in json.loads(planned.stdout)["stages"]}
    assert "in 2 processes; memory is that of each" in stages["scl"]["estimate"]["notes"]
    assert "in 8 processes; memory is that of each" in stages["scl-grpo"]["estimate"]["notes"]
    done = call("run", *options, "--until", "scl")
    assert done.exit_code == 0, done.output
    stage = place / "runs" / name / "stages" / "scl"
    figures = json.loads((stage / "figures.json").read_text())
    assert figures["tokens_by_source"].keys() == {"documents", "spans"} and 0 < figures["loss"] < 7
    assert (stage / "model" / "adapter_model.safetensors").exists() and not (stage / "launch").exists()


def test_the_recipes_name_no_missing_thing_but_the_notes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in MODELS:
        result = call("plan", name)
        told = result.output.strip().splitlines()
        assert result.exit_code == 2 and len(told) == 4
        assert all("there is no " in line and "/mdace/" in line for line in told)
