"""One reward, or several summed by weight as TRL does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..answer.grammar import AnswerFormat
from ..errors import Problem, UserError
from .call import call_reward
from .contain import contained, own_copy
from .load import load_bound
from .protocol import Completion, Explains, RewardFunction, Row, without_partials


@dataclass(frozen=True)
class WeightedReward:
    """One reward of a sum, loaded and with its arguments filled in."""

    name: str
    function: RewardFunction
    weight: float = 1.0
    args: Mapping[str, Any] = field(default_factory=dict)

    def parts(self, rows: Sequence[Row], completions: Sequence[Completion]) -> list[dict[str, float]]:
        """What each score is made of, as far as the reward explains it."""
        reward = without_partials(self.function)
        if not isinstance(reward, Explains) or not rows:
            return [{} for _ in rows]
        columns = {key: [row[key] for row in rows] for key in rows[0] if key != "prompt"}
        bound = self.function.keywords if isinstance(self.function, partial) else {}
        with contained():
            known = reward.explain(**own_copy({"completions": list(completions), **columns}), **bound)
        return [{} if scored is None else dict(scored.parts) for scored in known]


@dataclass(frozen=True)
class WeightedRewards:
    """A weighted sum of rewards. A reward that abstains from a row takes no part in the row's sum."""

    rewards: tuple[WeightedReward, ...]

    @classmethod
    def load(
        cls,
        wanted: Iterable[tuple[str, float, Mapping[str, Any]]],
        form: AnswerFormat,
        injected: Mapping[str, Path | None],
    ) -> WeightedRewards:
        """Load rewards given by name, weight and arguments; weights of 0 are only logged and left out.

        Args:
            injected: what rewards may take by name; see :data:`~scl_rl.rewards_api.protocol.INJECTED`.

        Raises:
            UserError: all that is wrong with any of them; or none is left.
        """
        problems: list[Problem] = []
        rewards: list[WeightedReward] = []
        for name, weight, args in wanted:
            if weight == 0:
                continue
            try:
                function = load_bound(name, args, form, injected)
            except UserError as error:
                problems += error.problems
            else:
                rewards.append(WeightedReward(name, function, weight, args))
        if problems:
            raise UserError(*problems)
        if not rewards:
            raise UserError("no reward has a weight other than 0")
        return cls(tuple(rewards))

    @property
    def label(self) -> str:
        """The sum in one line."""
        return " + ".join(r.name if r.weight == 1 else f"{r.weight:g} × {r.name}" for r in self.rewards)

    def score(
        self, rows: Sequence[Row], completions: Sequence[Completion], trainer_state: Any = None
    ) -> list[float | None]:
        """The weighted sum for each row; None where all rewards abstain.

        Args:
            trainer_state: what rewards get under this name; see :func:`~.call.call_reward`.

        Raises:
            RewardError: a reward raised, or gave what is no reward.
        """
        return self.sums(self.score_each(rows, completions, trainer_state))

    def score_each(
        self, rows: Sequence[Row], completions: Sequence[Completion], trainer_state: Any = None
    ) -> list[list[float | None]]:
        """What each reward gives by itself, before weighting: one list a reward. As :meth:`score`."""
        return [
            call_reward(
                r.function, rows, completions, name=r.name, weight=r.weight, trainer_state=trainer_state
            )
            for r in self.rewards
        ]

    def sums(self, each: Sequence[Sequence[float | None]]) -> list[float | None]:
        """The weighted sums of what :meth:`score_each` gave."""
        weights = [reward.weight for reward in self.rewards]
        return [
            sum(w * v for w, v in known) if (known := _known(weights, values)) else None
            for values in zip(*each, strict=True)
        ]

    def as_list(self) -> list[dict[str, Any]]:
        """``[{"name", "weight", "args"}]``."""
        return [{"name": r.name, "weight": r.weight, "args": dict(r.args)} for r in self.rewards]


def _known(weights: Sequence[float], values: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(w, v) for w, v in zip(weights, values, strict=True) if v is not None]
