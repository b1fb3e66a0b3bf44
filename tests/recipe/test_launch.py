"""`launch:` in a recipe: what is refused before anything starts, and what plan and keys make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scl_rl.errors import UserError
from scl_rl.preflight.cost import Cost, Estimator
from scl_rl.recipe.load import load_recipe
from scl_rl.recipe.schema import Recipe
from scl_rl.runner.keys import changes, stage_ingredients
from scl_rl.stages.shared.launch import NAMED, Launch, LaunchSettings
from tests.preflight.test_cost import SHAPE, Lengths

RECIPE = """\
name: toy
model: smollm2-135m
data: {source: synthetic, codes: 10, documents: 30, code_only: 20, dev: 10, test: 12, characters: 200}
stages:
  sft: {kind: sft, tokens: 9000, trainer: {per_device_train_batch_size: 4}}
  pairs: {kind: pairs, from: sft, samples: 4, pairs_per_prompt: 1, negatives: [negated], max_new_tokens: 64}
  dpo: {kind: dpo, from: pairs, peft: {r: 8}}
  grpo:
    kind: grpo
    from: sft
    max_steps: 6
    trainer: {max_completion_length: 64, per_device_train_batch_size: 2, gradient_accumulation_steps: 1}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def loaded(**launches: dict[str, Any]) -> Recipe:
    Path("r.yaml").write_text(RECIPE, encoding="utf-8")
    fields = {"grpo": {"processes": 8}, **launches}
    given = [
        f"{stage}.launch={json.dumps({'config': 'ddp', **launch})}"
        for stage, launch in fields.items()
        if launch is not None
    ]
    return load_recipe("r.yaml", given)


def refused(**launches: dict[str, Any]) -> str:
    with pytest.raises(UserError) as error:
        loaded(**launches)
    return str(error.value)


@pytest.mark.parametrize("name", NAMED)
def test_the_named_configs_are_accelerates_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    launch = Launch(LaunchSettings(config=name), Path())
    config = load_config_from_file(str(launch.file))
    assert config.num_processes == launch.processes and config.use_cpu == launch.on_cpu == (name == "cpu")
    assert launch.sharded == (name in ("fsdp2", "zero3"))
    assert config.main_process_port == 0, "two runs on one machine would meet"
    unknown = set(yaml.safe_load(launch.file.read_text())) - set(vars(config))
    assert not unknown


def test_what_cannot_be_launched_is_refused() -> None:
    assert "at grpo.launch" not in refused(sft={"config": "none.yaml"}).replace("stages.", "")
    assert "there is no " in (told := refused(sft={"config": "none.yaml"})) and "none.yaml" in told
    Path("list.yaml").write_text("[1]")
    assert "list.yaml is not a valid accelerate config" in refused(sft={"config": "list.yaml"})
    assert "--num_processes is set by 'processes'" in refused(sft={"args": ["--num_processes", 2]})
    assert "--num-processes is set by 'processes'" in refused(sft={"args": ["--num-processes=2"]})
    assert "processes: should be at least 1" in refused(sft={"processes": 0})


def test_deepspeed_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"deepspeed": None}
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: found[name] if name in found else real(name, *a)
    )
    assert "needs deepspeed, which is not installed (pip install deepspeed)" in refused(
        sft={"config": "zero2"}
    )


def test_dev_checks_need_whole_weights() -> None:
    told = "cuts the weights into parts, with which dev checks aren't supported"
    assert told in refused(grpo={"config": "fsdp2"}) and told in refused(dpo={"config": "fsdp2"})
    loaded(sft={"config": "fsdp2"})


def test_a_generation_batch_is_that_of_all_processes() -> None:
    loaded(grpo={"processes": 4})
    told = refused(grpo={"processes": 2})
    assert "8 does not divide the 4 completions of a generation batch" in told
    assert "per_device_train_batch_size 2 × gradient_accumulation_steps 1 × 2 processes" in told
    Path("four.yaml").write_text("{distributed_type: MULTI_GPU, num_processes: 4}")
    loaded(grpo={"config": "four.yaml"})


def costs(**launches: dict[str, Any]) -> dict[str, Cost]:
    lengths = {
        "annotated": Lengths(30, (50, 60), (10, 20)),
        "spans": Lengths(40, (5, 5), (10, 10)),
        "code_only": Lengths(20, (55,), (0,)),
        "dev": Lengths(10, (55,), (15,)),
        "test": Lengths(12, (70,), (15,)),
    }
    return Estimator(loaded(**launches), lengths, SHAPE, {}).run()


def test_plan_counts_the_examples_of_all_processes() -> None:
    one, two = costs(), costs(sft={"processes": 2}, dpo={"processes": 2}, grpo={"processes": 16})
    assert one["sft"].steps == 33 and two["sft"].steps == 17
    assert one["sft"].tokens == two["sft"].tokens and one["dpo"].tokens == two["dpo"].tokens
    assert two["dpo"].steps == (one["dpo"].steps + 1) // 2
    assert two["grpo"].steps == one["grpo"].steps and two["grpo"].generated == 2 * one["grpo"].generated
    assert two["grpo"].memory == one["grpo"].memory
    assert "in 16 processes; memory is that of each" in two["grpo"].notes
    cut = costs(sft={"config": "fsdp2", "processes": 4})
    assert cut["sft"].parts["optimizer"] == one["sft"].parts["optimizer"] / 4


def test_a_stage_runs_again_for_other_processes_and_not_for_another_port() -> None:
    def ingredients(**launch: Any) -> dict[str, Any]:
        recipe = loaded(sft=launch) if launch else loaded()
        [sft] = [stage for stage in recipe.stages if stage.name == "sft"]
        return stage_ingredients(recipe, sft, "data", {})

    one, two = ingredients(), ingredients(processes=2)
    assert "launch" not in one["settings"]
    assert ingredients(processes=2, args=["--main_process_port", 29501], launcher_prefix=["env"]) == two
    assert changes(two, ingredients(processes=4)) == ["launch.processes 2 → 4"]
    assert changes(two, ingredients(config="cpu")) == []
