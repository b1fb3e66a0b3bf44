"""DPO on preference pairs, with an SFT anchor, the best checkpoint kept by dev joint F1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from ..shared.settings import CHECKS_AT_THE_ENDS, DevEvalMixin, SharedPromptMixin


class DpoSettings(DevEvalMixin, SharedPromptMixin):
    """Direct preference optimisation with TRL's DPOTrainer.

    The model is the one that the pairs stage sampled from, and the reference is that model as it was. DPO
    alone may lower the likelihood of both answers where they differ in a few tokens; the anchor holds the
    chosen one up.
    """

    kind: Literal["dpo"] = "dpo"
    num_train_epochs: float = Field(1.0, title="Passes over the pairs", gt=0)
    anchor: float = Field(1.0, title="Weight of the SFT loss on the chosen answer; 0 = none", ge=0)
    max_new_tokens: int = Field(256, title="Maximum tokens per answer in evaluations", ge=1)

    work: ClassVar[str] = "scl_rl.stages.dpo.work:train_dpo"
    cost: ClassVar[str | None] = "scl_rl.stages.dpo.cost:dpo_cost"
    checks: ClassVar[str | None] = "scl_rl.stages.dpo.checks:dpo_checks"
    renamed: ClassVar[Mapping[str, str]] = {
        **DevEvalMixin.renamed,
        "epochs": "num_train_epochs",
    }
    starts_from: ClassVar[tuple[str, ...]] = ("pairs",)
    trainer_config: ClassVar[str | None] = "dpo"
    managed_fields: ClassVar[Mapping[str, str]] = {
        "output_dir": "the run folder",
        "seed": "the recipe's 'seed'",
        "num_train_epochs": "the stage's 'num_train_epochs'",
        "max_steps": "the stage's 'num_train_epochs'",
        "max_length": "the recipe's 'window'",
    }
    trainer_defaults: ClassVar[Mapping[str, Any]] = {
        "learning_rate": 2e-5,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "beta": 0.1,
        "logging_steps": 1,
    }

    def uses(self) -> set[str]:
        """What it is checked on."""
        return {"dev"}

    def trainer_values(self) -> dict[str, Any]:
        """Its epochs, no pair cut, and the anchor as one more loss."""
        losses = self.trainer.get("loss_type") or ["sigmoid"]
        losses = [losses] if isinstance(losses, str) else list(losses)
        weights = list(self.trainer.get("loss_weights") or [1.0] * len(losses))
        if self.anchor and "sft" not in losses:
            losses, weights = [*losses, "sft"], [*weights, self.anchor]
        fixed = {"num_train_epochs": self.num_train_epochs, "max_length": None}
        return {**fixed, "loss_type": losses, "loss_weights": weights}

    def answer_limit(self) -> int | None:
        """Of the answers in the checks."""
        return self.max_new_tokens

    def dry_run_settings(self, tokens: int) -> Self:
        """Once over the pairs."""
        return self.model_copy(update={"num_train_epochs": 1.0, **CHECKS_AT_THE_ENDS})
