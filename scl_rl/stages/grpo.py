"""GRPO with rewards from the ``scl_rl.rewards`` entry points, the best checkpoint kept by dev joint F1."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .base import StageContext
from .training import TrainingSettings


class RewardSettings(BaseModel):
    """One reward of a stage."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(title="Entry-point name, dotted path (my_pkg.mod:fn) or file (./my_reward.py:fn)")
    weight: float = Field(1.0, title="Its weight in the sum; 0 = only logged", allow_inf_nan=False)
    args: dict[str, Any] = Field(default_factory=dict, title="Keyword arguments handed to the reward")


class GrpoSettings(TrainingSettings):
    """Group relative policy optimisation with TRL's GRPOTrainer."""

    kind: Literal["grpo"] = "grpo"
    rewards: list[RewardSettings] = Field(
        default_factory=lambda: [RewardSettings(name="evidence")],
        title="Rewards, summed by weight",
        min_length=1,
    )
    steps: int = Field(title="Optimizer steps", ge=1)
    check_every: int = Field(4, title="Steps between checks on dev documents", ge=1)
    dev_documents: int = Field(48, title="Dev documents of each check", ge=1)
    least_gain: float = Field(
        0.0,
        title="How much better than the parent, in joint F1 on dev documents, a kept checkpoint must be",
        ge=0,
        le=1,
    )
    save_completions: bool = Field(
        False, title="Keep every completion in completions.jsonl, which then holds text from the notes"
    )

    trainer_config: ClassVar[str | None] = "grpo"
    managed_fields: ClassVar[dict[str, str]] = {
        "output_dir": "the run folder",
        "seed": "the recipe's 'seed'",
        "max_steps": "the stage's 'steps'",
        "num_train_epochs": "the stage's 'steps'",
        "reward_weights": "the 'weight' of each of the stage's 'rewards'",
    }

    @field_validator("rewards", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        """A bare name stands for that reward with weight 1."""
        return [{"name": v} if isinstance(v, str) else v for v in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _something_counts(self) -> GrpoSettings:
        if not any(reward.weight for reward in self.rewards):
            raise ValueError("every reward has weight 0: there is nothing to train for")
        return self

    def uses(self) -> set[str]:
        """What it trains on and what it is checked on."""
        return {"annotated", "dev"}

    def run(self, context: StageContext) -> dict[str, Any]:
        """Train, save the best model into ``model/`` and report tokens, rewards and the dev checks."""
        from .training_grpo import train_grpo

        return train_grpo(self, context)
