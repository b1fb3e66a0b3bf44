"""The recipe `codes-alone`: what it plans, and every kind of stage of it on a tiny model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch")

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents
from scl_rl.recipe.load import load_recipe
from tests.support import HOME
from tests.support.tiny import make_tiny_model

SMALL = {
    "data.codes": "6",
    "data.documents": "12",
    "data.code_only": "30",
    "data.dev": "4",
    "data.test": "4",
    "data.characters": "60",
    "scl.seeds": "[0]",
    "scl.tokens": "3000",
    "fill.mining.min_association": "0",
    "mined.tokens": "3000",
    "mined.eval_documents": "2",
    "fresh-grpo.max_steps": "2",
    "fresh-grpo.eval_documents": "2",
    "fresh-grpo.max_code_only": "4",
    "fresh-grpo.trainer.per_device_train_batch_size": "4",
    "fresh-grpo.trainer.gradient_accumulation_steps": "2",
    "fresh-grpo.trainer.num_generations": "4",
}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_what_comes_after_sft_sees_notes_that_it_has_not():
    stages = {stage.written: stage.settings for stage in load_recipe("codes-alone").stages}
    for name in ("fill", "fresh", "fresh-2", "fresh-grpo", "precise-grpo", "answers"):
        seen = name == "fill"
        assert stages[name].code_only_part == ((0, 0.5) if seen else (0.5, 1)), name
    assert {s.seed for s in load_recipe("codes-alone").stages if s.written == "hinted-2"} == {0, 1, 2}


@pytest.mark.slow
def test_the_way_to_grpo_on_fresh_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_tiny_model(tmp_path / "tiny")
    recipe = (HOME / "recipes" / "codes-alone.yaml").read_text()
    (tmp_path / "small.yaml").write_text(re.sub(r"\b96\b", "260", recipe))  # a byte is a token
    options = ["small.yaml", "--set", f"model.name={model}", "--runs", str(tmp_path / "runs")]
    options += [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    planned = call("plan", *options, "--json")
    assert planned.exit_code == 0, planned.output
    estimates = {s["name"]: s["estimate"] for s in json.loads(planned.stdout)["stages"]}
    assert "at most 3 times as many by dynamic_sampling" in estimates["fresh-grpo.seed0"]["notes"]
    done = call("run", *options, "--until", "fresh-grpo")
    assert done.exit_code == 0, done.output
    stages = tmp_path / "runs" / "codes-alone" / "stages"
    filled = {d.id for d in read_documents(stages / "fill.seed0" / "documents.jsonl")}
    figures = json.loads((stages / "fresh-grpo.seed0" / "figures.json").read_text())
    assert filled and figures["steps"] == 2
    assert set(figures["verifiers"]["consistency"]) >= {"evidence", "other_code", "elsewhere"}
    assert all(isinstance(number, float) for number in figures["resampled_groups"])
