"""What a plan says of time: by the speed of what ran before on this machine."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.preflight import speed
from scl_rl.preflight.cost import Cost
from scl_rl.preflight.inspection import inspect
from scl_rl.recipe.load import load_recipe
from scl_rl.runner import run
from tests.support.tiny import make_tiny_model

RECIPE = """\
name: timed
model: {name: tiny, dtype: float32}
data: {source: synthetic, codes: 5, documents: 12, code_only: 4, dev: 4, test: 6, characters: 120}
stages:
  scl: {kind: sft, tokens: 3000}
  adapter: {kind: sft, tokens: 3000, from: scl, peft: {r: 2}}
  predict: {kind: predict, from: scl, max_new_tokens: 256}
  evaluate: {kind: evaluate, from: predict}
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path / "cache"))
    make_tiny_model(tmp_path / "tiny")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return load_recipe("r.yaml")


def plan(*args: str):
    result = CliRunner().invoke(main, ["plan", "r.yaml", *args])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_minutes_are_those_of_the_same_tokens_at_the_same_speed(recipe):
    assert "minutes" not in plan()
    costs = {
        name: Cost(tokens=tokens) for name, tokens in (("scl", 600), ("adapter", 600), ("evaluate", None))
    }
    assert speed.stage_minutes(recipe, costs) == {}
    estimated = json.loads(plan("--json"))["stages"]
    tokens = next(stage["estimate"]["tokens"] for stage in estimated if stage["name"] == "scl")
    speed.keep_speeds(inspect(recipe), {"scl": 3.0}, {})
    found = speed.stage_minutes(recipe, costs)  # an adapter has a speed of its own
    assert found == {"scl": pytest.approx(600 / tokens * 3.0, rel=1e-3)}
    shown = plan()
    assert "minutes: 3 by the speed of earlier runs here; not known of adapter, predict" in shown
    stages = {stage["name"]: stage["estimate"] for stage in json.loads(plan("--json"))["stages"]}
    assert stages["scl"]["minutes"] == 3.0 and stages["predict"]["minutes"] is None
    (recipe.base / "cache" / "speeds" / "speeds.json").write_text('{"sft": [')
    assert "minutes" not in plan()


def test_a_run_keeps_the_speed_of_what_ran_long_enough(recipe, monkeypatch):
    again = ["run", "r.yaml", "--until", "predict"]
    monkeypatch.setattr(run, "SHORT", float("inf"))
    assert CliRunner().invoke(main, again).exit_code == 0
    assert not (recipe.base / "cache" / "speeds").exists()
    monkeypatch.setattr(run, "SHORT", 0.0)
    assert CliRunner().invoke(main, [*again, "--force", "predict"]).exit_code == 0
    shown = json.loads(plan("--json", "--force", "scl"))["stages"]
    minutes = {stage["name"]: stage["estimate"]["minutes"] for stage in shown if stage["estimate"]}
    assert minutes["predict"] is not None
    assert minutes["scl"] is minutes["adapter"] is None  # they were not run again
    kept = json.loads((recipe.base / "cache" / "speeds" / "speeds.json").read_text())
    assert [key.split(" | ")[0] for key in kept] == ["predict"]
