"""A system that takes part in a comparison: its answers judged, its cost, its place in the family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..scoring.tally import Counts
from .judged import Judged
from .report import BETAS
from .resample import Figure, MacroF1, MicroF1, MicroFBeta, Ratio, macro_counts

FIGURES = ("code_micro_f1", "code_macro_f1", "joint_f1", "joint_f0.5", "joint_f2", "grounded")


@dataclass(frozen=True)
class Candidate:
    """One row of a comparison.

    Attributes:
        judged: its answers to the documents, all candidates' in the same order.
        figures: what ``evaluate`` reports of them.
        base: the name without the seed; candidates of one base are runs of one system.
        parent: what it was trained from, if that takes part.
        tokens, minutes: what training it cost, its parents included; None for what was not trained.
    """

    name: str
    judged: Sequence[Judged]
    figures: dict[str, Any]
    base: str = ""
    seed: int | None = None
    parent: str | None = None
    kind: str = ""
    tokens: int | None = None
    minutes: float | None = None

    @property
    def system(self) -> str:
        """The name that its other seeds share."""
        return self.base or self.name

    @cached_property
    def joint(self) -> list[Counts]:
        """For each document the joint counts; all zero where its evidence was never annotated."""
        return [_counts(one, one.cited) if one.gold.has_evidence else Counts() for one in self.judged]

    def sums(self, codes: Sequence[str]) -> dict[str, Figure]:
        """Its figures as sums over documents, by the names of :data:`FIGURES`.

        Args:
            codes: all codes of gold and of any candidate.
        """
        micro = [_counts(one, one.right) for one in self.judged]
        by_code = [_by_code(one) for one in self.judged]
        joint = _array([(c.tp, c.fp, c.fn) for c in self.joint])
        located = [[one.located, one.mentions] for one in self.judged]
        return {
            "code_micro_f1": MicroF1(_array([(c.tp, c.fp, c.fn) for c in micro])),
            "code_macro_f1": MacroF1(macro_counts(by_code, codes)),
            "joint_f1": MicroF1(joint),
            **{f"joint_f{beta:g}": MicroFBeta(joint, beta) for beta in BETAS},
            "grounded": Ratio(_array(located)),
        }

    @property
    def codes(self) -> set[str]:
        """The codes of gold and of its answers."""
        return {code for one in self.judged for code in (*one.gold.mentions, *one.verdicts)}


def _array(rows: Sequence[Sequence[int]]) -> Any:
    return np.array(rows, dtype=float)


def _counts(one: Judged, right: dict[str, bool]) -> Counts:
    hits = sum(right.values())
    return Counts(hits, len(right) - hits, len(one.gold.mentions) - hits)


def _by_code(one: Judged) -> dict[str, tuple[int, int, int]]:
    right = one.right
    found = {code: (int(good), int(not good), 0) for code, good in right.items()}
    return {**{code: (0, 0, 1) for code in one.gold.mentions if not right.get(code)}, **found}
