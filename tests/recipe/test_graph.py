"""Stages with seeds, and stages that wait for others: what they become and in which order they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from scl_rl.errors import UserError
from scl_rl.recipe.load import load_recipe

RECIPE = """\
name: toy
model: smollm2-135m
data: {source: synthetic, codes: 10}
stages:
  docs: {kind: sft, tokens: 90, seeds: [0, 7]}
  more: {kind: sft, from: scl, match_compute_of: rl}
  scl: {kind: sft, tokens: 90, mixture: {documents: 1, spans: 1}, seeds: [0, 7]}
  rl: {kind: grpo, from: scl, max_steps: 4}
  words: {kind: dictionary}
  predict: {kind: predict, from: [docs, scl, rl, more]}
  evaluate: {kind: evaluate, from: [predict, words]}
  compare: {kind: compare, from: evaluate}
"""


def loaded(tmp_path: Path, old: str = "", new: str = ""):
    assert old in RECIPE
    (tmp_path / "r.yaml").write_text(RECIPE.replace(old, new))
    return load_recipe(str(tmp_path / "r.yaml"))


def problems(tmp_path: Path, old: str, new: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, old, new)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_seeds_travel_down_to_what_comes_from_them(tmp_path):
    stages = {stage.name: stage for stage in loaded(tmp_path).stages}
    seeds = {name: stage.seed for name, stage in stages.items()}
    assert {name for name, seed in seeds.items() if seed == 7} == {
        *("docs.seed7", "scl.seed7", "rl.seed7", "more.seed7"),
        *(f"predict.{name}.seed7" for name in ("docs", "scl", "rl", "more")),
        *(f"evaluate.{name}.seed7" for name in ("docs", "scl", "rl", "more")),
    }
    assert seeds["words"] is None and seeds["evaluate.words"] is None and seeds["compare"] is None
    assert stages["evaluate.rl.seed7"].parents == ("predict.rl.seed7",)
    for name, stage in stages.items():
        assert stage.system == name.removesuffix(".seed0").removesuffix(".seed7")
    assert len(stages["compare"].parents) == 9


def test_a_stage_waits_for_the_one_of_its_own_seed(tmp_path):
    recipe = loaded(tmp_path)
    names = [stage.name for stage in recipe.stages]
    more = next(stage for stage in recipe.stages if stage.name == "more.seed7")
    assert (more.parents, more.also_needs) == (("scl.seed7",), ("rl.seed7",))
    assert names.index("rl.seed7") < names.index("more.seed7")


def test_one_seed_is_a_fan_of_one(tmp_path):
    recipe = loaded(tmp_path, "seeds: [0, 7]", "seeds: [5]")
    assert [s.name for s in recipe.stages if s.name.startswith("rl")] == ["rl.seed5"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "match_compute_of: rl",
            "match_compute_of: scll",
            ["r.yaml:6:3: at stages.more: there is no stage 'scll' (did you mean 'scl'?)"],
        ),
        (
            "match_compute_of: rl",
            "match_compute_of: more",
            ["r.yaml:6:3: at stages.more: waits for itself: more after more"],
        ),
        (
            "max_steps: 4}",
            "max_steps: 4, seeds: [1]}",
            ["r.yaml:8:45: at stages.rl.seeds: the stage it starts from already has seeds"],
        ),
        (
            "spans: 1}, seeds: [0, 7]",
            "spans: 1}, seeds: [1, 1]",
            ["r.yaml:7:67: at stages.scl.seeds: a seed stands there twice"],
        ),
        (
            "spans: 1},",
            "spans: 1}, match_compute_of: rl,",
            ["r.yaml:7:3: at stages.scl: needs 'tokens' or 'match_compute_of'"],
        ),
        (
            "from: scl, match_compute_of: rl",
            "from: scl, match_compute_of: rl, mixture: {filled: 1}",
            [
                "r.yaml:6:3: at stages.more: 'mixture.filled' is what a stage of kind fill makes: "
                "name one after 'from'"
            ],
        ),
    ],
)
def test_mistakes(tmp_path, old, new, expected):
    assert problems(tmp_path, old, new) == expected
