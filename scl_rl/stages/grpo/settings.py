"""GRPO with rewards from the ``scl_rl.rewards`` entry points, the best checkpoint kept by dev joint F1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..shared.rewards import RewardsMixin
from ..shared.settings import CHECKS_AT_THE_ENDS, DevEvalMixin, PromptsMixin, SharedPromptMixin


class GrpoSettings(PromptsMixin, RewardsMixin, DevEvalMixin, SharedPromptMixin):
    """Group relative policy optimisation with TRL's GRPOTrainer."""

    kind: Literal["grpo"] = "grpo"
    max_steps: int = Field(title="Optimizer steps", ge=1)
    dynamic_sampling: int = Field(
        0,
        title="Rounds, at most, in which groups without spread in their rewards make way for other prompts "
        "(as in DAPO); 0 = none",
        ge=0,
        le=100,
    )
    save_completions: bool = Field(
        False, title="Keep every completion in completions.jsonl, which then holds text from the notes"
    )

    work: ClassVar[str] = "scl_rl.stages.grpo.work:train_grpo"
    cost: ClassVar[str | None] = "scl_rl.stages.grpo.cost:grpo_cost"
    checks: ClassVar[str | None] = "scl_rl.stages.grpo.checks:grpo_checks"
    outputs: ClassVar[Mapping[str, str]] = {
        **DevEvalMixin.outputs,
        "completions": "completions.jsonl",
        "windows": "windows.jsonl",
    }
    optional_outputs: ClassVar[tuple[str, ...]] = ("completions", "windows")
    renamed: ClassVar[Mapping[str, str]] = {
        **DevEvalMixin.renamed,
        "steps": "max_steps",
        "documents": "max_documents",
        "code_only": "max_code_only",
    }
    trainer_config: ClassVar[str | None] = "grpo"
    answer_limit_setting: ClassVar[tuple[str, ...]] = ("trainer", "max_completion_length")
    managed_fields: ClassVar[Mapping[str, str]] = {
        "output_dir": "the run folder",
        "seed": "the recipe's 'seed'",
        "max_steps": "the stage's 'max_steps'",
        "num_train_epochs": "the stage's 'max_steps'",
        "reward_weights": "the 'weight' of each of the stage's 'rewards'",
    }
    trainer_defaults: ClassVar[Mapping[str, Any]] = {
        "learning_rate": 2e-5,
        "lr_scheduler_type": "constant",
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 4,
        "num_generations": 8,
        "max_completion_length": 256,
        "beta": 0.04,
        "logging_steps": 1,
    }

    @model_validator(mode="after")
    def _some_documents(self) -> GrpoSettings:
        if self.max_documents == 0 and not self.max_code_only and not self.max_filled:
            raise ValueError("max_documents, max_code_only and max_filled can't all be 0")
        return self

    def uses(self) -> set[str]:
        """What it trains on and what it is checked on."""
        return {"dev", *self.prompt_sets()}

    def trainer_values(self) -> dict[str, Any]:
        """Its steps and the weights of its rewards."""
        return {"max_steps": self.max_steps, "reward_weights": [reward.weight for reward in self.rewards]}

    def answer_limit(self) -> int | None:
        """Of the answers that are rewarded, and of those in the checks."""
        return int(
            self.trainer.get("max_completion_length") or self.trainer_defaults["max_completion_length"]
        )

    def prompts_at_once(self, processes: int) -> int:
        """Those of one generation batch."""
        fields = {**self.trainer_defaults, **self.trainer}
        return generation_batch(fields, processes) // int(fields["num_generations"])

    def dry_run_settings(self, tokens: int) -> Self:
        """Two steps."""
        return self.model_copy(update={"max_steps": 2, **CHECKS_AT_THE_ENDS, **self.without_filled()})


def generation_batch(trainer: Mapping[str, Any], processes: int = 1) -> int:
    """How many completions GRPO samples at a time, in all processes together.

    Args:
        trainer: fields of TRL's GRPOConfig.
    """
    whole = trainer.get("generation_batch_size")
    rounds = trainer.get("steps_per_generation") or trainer["gradient_accumulation_steps"]
    return int(whole or trainer["per_device_train_batch_size"] * rounds * processes)
