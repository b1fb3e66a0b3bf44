"""One resolved config: what is published is what a trainer gets, and each field says where it comes from."""

from enum import Enum
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
from trl import DPOConfig, GRPOConfig, SFTConfig

from scl_rl.recipe.json_schema import CONFIGS, recipe_schema
from scl_rl.stages.contract import StageSettings
from scl_rl.stages.dpo.settings import DpoSettings
from scl_rl.stages.grpo.settings import GrpoSettings
from scl_rl.stages.sft.settings import SftSettings
from scl_rl.stages.shared.config import Depends, Machine, defaults_of, resolve
from scl_rl.stages.shared.settings import TrainingSettings
from scl_rl.stages.shared.trainer import trainer_fields
from tests.stages.test_training import context

STAGES: dict[str, tuple[type[Any], TrainingSettings]] = {
    "sft": (SFTConfig, SftSettings(tokens=100)),
    "sft with an adapter": (SFTConfig, SftSettings(tokens=100, peft={"r": 4})),
    "dpo": (DPOConfig, DpoSettings(anchor=0)),
    "grpo": (GRPOConfig, GrpoSettings(max_steps=2)),
}
WORKED_OUT = {  # TRL makes these of other fields when it makes the config
    *("generation_batch_size", "steps_per_generation", "report_to", "run_name", "accelerator_config"),
    *("eval_strategy", "logging_dir", "model_init_kwargs", "vllm_gpu_memory_utilization"),
    *("debug", "fsdp", "pad_to_multiple_of"),
}


@pytest.mark.parametrize("name", STAGES)
def test_published_defaults_are_those_that_a_trainer_gets(name: str, tmp_path: Path) -> None:
    config, settings = STAGES[name]
    args = config(**trainer_fields(settings, context(tmp_path, "stage")))
    published = recipe_schema()["$defs"][CONFIGS[str(settings.trainer_config)]]["properties"]
    ours = defaults_of(type(settings))
    compared = 0
    for field, schema in published.items():
        if field in WORKED_OUT:
            continue
        if "default" in schema:
            assert _plain(getattr(args, field)) == schema["default"], field
            compared += 1
        if isinstance(default := ours.get(field), Depends):
            assert str(default) in schema["description"], field
            assert getattr(args, field) in (default.yes, default.no), field
    assert compared > 60
    assert args.logging_steps == ours["logging_steps"] and args.save_steps == 0.25


def test_sft_learns_faster_with_an_adapter() -> None:
    machine = Machine(gpu=False, bfloat16=False)
    assert resolve(SftSettings(tokens=1), "float32", machine)["learning_rate"] == 5e-5
    assert resolve(SftSettings(tokens=1, peft={}), "float32", machine)["learning_rate"] == 1e-3


def test_a_field_says_where_it_comes_from() -> None:
    settings = SftSettings(tokens=1, trainer={"learning_rate": 3e-4, "max_grad_norm": 0.5})
    config = resolve(settings, "bfloat16", Machine(gpu=True, bfloat16=True))
    assert config["learning_rate"] == 3e-4 and config.origins["learning_rate"] == "recipe"
    assert config["gradient_checkpointing"] is True and config.origins["gradient_checkpointing"] == "scl-rl"
    assert config["num_train_epochs"] == 1 and config.origins["num_train_epochs"] == "stage"
    assert config.origins["adam_beta1"] == "TRL" and "adam_beta1" not in config.ours
    assert config.ours["max_grad_norm"] == 0.5


@pytest.mark.parametrize(
    ("gpu", "fast", "dtype", "expected"),
    [(True, True, "bfloat16", True), (False, False, "bfloat16", False), (True, True, "float32", False)],
)
def test_bfloat16_needs_the_model_and_the_processor(
    gpu: bool, fast: bool, dtype: str, expected: bool
) -> None:
    config = resolve(GrpoSettings(max_steps=1), dtype, Machine(gpu, fast))
    assert config["bf16"] is expected and config["use_cpu"] is not gpu


def test_dpo_adds_its_anchor_to_the_losses() -> None:
    machine = Machine(gpu=False, bfloat16=False)
    config = resolve(DpoSettings(anchor=0.3, trainer={"loss_type": "ipo"}), "float32", machine)
    assert (config["loss_type"], config["loss_weights"]) == (["ipo", "sft"], [1.0, 0.3])


def test_a_stage_that_trains_nothing_has_no_config() -> None:
    class Still(StageSettings):
        """Does nothing."""

    assert not resolve(Still(), "float32", Machine(gpu=False, bfloat16=False))


def test_the_machine_is_guessed_as_torch_sees_it() -> None:
    assert Machine.guessed() == Machine.seen_by_torch()


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
