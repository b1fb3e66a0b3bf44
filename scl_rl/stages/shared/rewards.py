"""Settings of the stages that have rewards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ...rewards_api.arguments import with_injected
from ...rewards_api.load import load_reward
from ...rewards_api.protocol import Verifies
from ..contract import StageContext, StageSettings


class RewardSettings(BaseModel):
    """One reward of a stage."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(title="Entry-point name, dotted path (my_pkg.mod:fn) or file (./my_reward.py:fn)")
    weight: float = Field(1.0, title="Its weight in the sum; 0 = only logged", allow_inf_nan=False)
    args: dict[str, Any] = Field(default_factory=dict, title="Keyword arguments of the reward")


class RewardsMixin(StageSettings):
    """The rewards of a stage; mixed into its settings."""

    rewards: list[RewardSettings] = Field(
        default_factory=lambda: [RewardSettings(name="evidence")],
        title="Rewards, summed by weight",
        min_length=1,
    )

    def rewards_used(self) -> list[tuple[str, dict[str, Any]]]:
        """Those under ``rewards``."""
        return [(reward.name, reward.args) for reward in self.rewards]

    @field_validator("rewards", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        """A bare name stands for that reward with weight 1."""
        return [{"name": v} if isinstance(v, str) else v for v in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _something_counts(self) -> RewardsMixin:
        if not any(reward.weight for reward in self.rewards):
            raise ValueError("every reward has weight 0: there is nothing to train for")
        return self


def accuracies(rewards: Iterable[RewardSettings], context: StageContext) -> dict[str, Any]:
    """How far the rewards can be trusted that judge by a verifier of their own, measured on dev documents.

    Such a reward is a :class:`~scl_rl.rewards_api.protocol.Verifies`.
    """
    found: dict[str, Any] = {}
    for reward in rewards:
        function = load_reward(reward.name, context.base)
        if isinstance(function, Verifies):
            arguments = with_injected(function, reward.args, context.injected)
            found[reward.name] = function.accuracy(context.needed("dev"), **arguments)
    return found
