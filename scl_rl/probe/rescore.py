"""Logged completions under another reward: what training would have seen instead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from .completions import LoggedCompletion

MOST_MOVED = 10
DIGITS = 9  # rewards that differ only beyond these are equal

Scores = Sequence[float | None]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moved:
    """A completion whose rank in its group changes; rank 1 is the best, equals share theirs."""

    number: int
    id: str
    step: int | None
    group: int | str | None
    old: float
    new: float
    old_rank: float
    new_rank: float


@dataclass(frozen=True)
class Rescored:
    """Two rewards on the same completions.

    Attributes:
        groups: how many groups of at least two completions there are.
        compared: how many of them have an old and a new reward for at least two completions.
        old_mean, new_mean: over the completions that have one.
        old_no_spread, new_no_spread: the share of groups in which all rewards are equal.
        kendall_tau: tau-b (Kendall 1945) between the old and the new rewards, the mean over the compared
            groups in which both have spread.
        best_changes: the share of the compared groups in which no completion is best under both.
        moved: the completions whose rank changes most; numbers count completions from 0.
    """

    completions: int
    groups: int
    compared: int
    old_mean: float | None
    new_mean: float | None
    old_no_spread: float | None
    new_no_spread: float | None
    kendall_tau: float | None
    best_changes: float | None
    moved: list[Moved]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def rescored(completions: Sequence[LoggedCompletion], new: Scores) -> Rescored:
    """Compare the rewards that were logged with new ones.

    A group is what shares ``step`` and ``group``, or ``step`` and ``id`` where no group was logged.
    """
    old = [completion.reward for completion in completions]
    groups = [members for members in _groups(completions) if len(members) > 1]
    both = [[i for i in members if old[i] is not None and new[i] is not None] for members in groups]
    compared = [members for members in both if len(members) > 1]
    taus: list[float] = []
    changes: list[bool] = []
    moved: list[Moved] = []
    for members in compared:
        before, after = _vector(old, members), _vector(new, members)
        tau = kendall_tau(before, after)
        taus += [] if tau is None else [tau]
        changes.append(not bool(np.any(_best(before) & _best(after))))
        ranks = zip(members, _ranks(before), _ranks(after), strict=True)
        moved += [
            Moved(i, c.id, c.step, c.group, before[j], after[j], a, b)
            for j, (i, a, b) in enumerate(ranks)
            if a != b and (c := completions[i])
        ]
    moved.sort(key=lambda m: (-abs(m.old_rank - m.new_rank), m.number))
    return Rescored(
        completions=len(completions),
        groups=len(groups),
        compared=len(compared),
        old_mean=_mean([value for value in old if value is not None]),
        new_mean=_mean([value for value in new if value is not None]),
        old_no_spread=_no_spread(old, groups),
        new_no_spread=_no_spread(new, groups),
        kendall_tau=_mean(taus),
        best_changes=_mean(changes),
        moved=moved[:MOST_MOVED],
    )


def kendall_tau(first: Vector, second: Vector) -> float | None:
    """Tau-b of two rankings with ties; None where one of them is all ties."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(first, second).statistic)
    return None if math.isnan(tau) else tau


def _ranks(values: Vector) -> list[float]:
    """1 for the largest; equals share the mean of their ranks."""
    from scipy.stats import rankdata

    return [float(rank) for rank in rankdata(-values)]


def _best(values: Vector) -> npt.NDArray[np.bool_]:
    return np.asarray(values == values.max())


def _groups(completions: Sequence[LoggedCompletion]) -> list[list[int]]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, completion in enumerate(completions):
        named = ("id", completion.id) if completion.group is None else ("group", completion.group)
        groups.setdefault((completion.step, *named), []).append(number)
    return list(groups.values())


def _vector(scores: Scores, members: Sequence[int]) -> Vector:
    return np.round([scores[i] for i in members], DIGITS).astype(np.float64)


def _no_spread(scores: Scores, groups: Sequence[Sequence[int]]) -> float | None:
    known = [
        some for members in groups if len(some := [s for i in members if (s := scores[i]) is not None]) > 1
    ]
    return _mean([round(max(values) - min(values), DIGITS) == 0 for values in known])


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
