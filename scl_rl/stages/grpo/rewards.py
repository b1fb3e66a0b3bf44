"""The rewards of a GRPO stage as TRL calls them."""

from __future__ import annotations

from typing import Any

from ...rewards_api.load import load_bound
from ...rewards_api.protocol import RewardFunction, reward_name
from ...rewards_api.validated import unique_names, validated_reward
from ...rewards_api.weighted import WeightedReward, WeightedRewards
from ..contract import StageContext
from ..shared.rewards import accuracies
from .observer import Observer
from .settings import GrpoSettings
from .step_log import record_failure


class StageRewards:
    """Loads the rewards first of all: what is wrong with one shows before the model is loaded.

    Raises:
        UserError: one can't be loaded, or refuses its arguments.
    """

    def __init__(self, settings: GrpoSettings, context: StageContext) -> None:
        self._settings = settings
        self._context = context
        self._functions = [
            load_bound(r.name, r.args, context.answer, context.injected) for r in settings.rewards
        ]

    def watched(self, group: int) -> list[RewardFunction]:
        """Each under a name of its own, its values checked, and seen by the observer.

        Args:
            group: completions per prompt.
        """
        settings, context = self._settings, self._context
        names = unique_names([reward_name(function) for function in self._functions])
        weights = {name: reward.weight for name, reward in zip(names, settings.rewards, strict=True)}
        keep = context.folder / settings.outputs["completions"] if settings.save_completions else None
        observer = Observer(weights, group, context.answer, keep)
        failed = record_failure(context)
        return [
            validated_reward(f, name, failed, observer, weights[name])
            for f, name in zip(self._functions, names, strict=True)
        ]

    def weighted(self) -> WeightedRewards:
        """Their sum, which nobody watches."""
        pairs = zip(self._functions, self._settings.rewards, strict=True)
        return WeightedRewards(
            tuple(WeightedReward(r.name, f, r.weight, r.args) for f, r in pairs if r.weight)
        )

    def accuracies(self) -> dict[str, Any]:
        """How far those can be trusted that judge by a verifier of their own."""
        return accuracies(self._settings.rewards, self._context)
