"""Counting verdicts: precision, recall, F1, micro and macro."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass


@dataclass
class Counts:
    """True positives, false positives and false negatives. 0/0 is 0 throughout."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """tp / (tp + fp)."""
        return self.tp / (self.tp + self.fp) if self.tp else 0.0

    @property
    def recall(self) -> float:
        """tp / (tp + fn)."""
        return self.tp / (self.tp + self.fn) if self.tp else 0.0

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn)."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp else 0.0

    def f_beta(self, beta: float) -> float:
        """Precision and recall in one figure, in which recall counts ``beta`` times as much."""
        weight = beta * beta
        hits = (1 + weight) * self.tp
        return hits / (hits + self.fp + weight * self.fn) if self.tp else 0.0

    def as_dict(self) -> dict[str, float]:
        """The three figures under their usual names."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}

    @classmethod
    def of_sets(cls, gold: set[Hashable], predicted: set[Hashable]) -> Counts:
        """Compare two sets."""
        hits = len(gold & predicted)
        return cls(hits, len(predicted) - hits, len(gold) - hits)


class Tally:
    """Counts by code, with micro and macro figures."""

    def __init__(self) -> None:
        self.by_code: defaultdict[str, Counts] = defaultdict(Counts)

    def add(self, gold: Iterable[str], predicted: Mapping[str, bool]) -> None:
        """Count one document: its gold codes, and for each predicted code whether it is right."""
        for code in gold:
            self.by_code[code] += Counts(tp=1) if predicted.get(code) else Counts(fn=1)
        for code, right in predicted.items():
            if not right:
                self.by_code[code] += Counts(fp=1)

    def micro(self) -> Counts:
        """All codes' counts added up."""
        return sum(self.by_code.values(), Counts())

    def as_dict(self) -> dict[str, dict[str, float]]:
        """``{"micro": PRF, "macro": PRF}``; macro = mean over the codes that occur on either side."""
        codes = [counts.as_dict() for counts in self.by_code.values()]
        macro = {
            figure: sum(code[figure] for code in codes) / len(codes) if codes else 0.0
            for figure in ("precision", "recall", "f1")
        }
        return {"micro": self.micro().as_dict(), "macro": macro}
