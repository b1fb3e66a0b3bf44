"""How far a difference between two systems can be trusted: bootstrap, randomisation, correction.

Systems are compared on the same documents, and a document is what is drawn: its counts go together. The
interval is Student's, with a standard error from a paired bootstrap and the jackknife; the test swaps the two
systems' answers to a document with probability one half (Noreen 1989; Yeh 2000). What the interval holds is
measured in ``benchmarks/compare_coverage.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.sparse import csr_array, issparse

Array = npt.NDArray[np.float64]
LEVEL = 0.95
_AT_ONCE = 4_000_000  # numbers in a matrix of weights or sums


@dataclass(frozen=True)
class Figure(ABC):
    """A figure of a system that depends on sums over documents.

    Attributes:
        counts: documents × columns, what is summed; an array or, where most are zero, a sparse one.
    """

    counts: Any

    @abstractmethod
    def of(self, sums: Array) -> Array:
        """The figure for each row of sums (draws × columns)."""


@dataclass(frozen=True)
class Ratio(Figure):
    """Sum of the first column over the sum of the second; 0/0 = 0."""

    def of(self, sums: Array) -> Array:
        """As :meth:`Figure.of`."""
        return _ratio(sums[:, 0], sums[:, 1])


@dataclass(frozen=True)
class MicroF1(Figure):
    """F1 of true positives, false positives and false negatives, one column each."""

    def of(self, sums: Array) -> Array:
        """As :meth:`Figure.of`."""
        return _ratio(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2])


@dataclass(frozen=True)
class MicroFBeta(Figure):
    """F-beta of true positives, false positives and false negatives, one column each."""

    beta: float

    def of(self, sums: Array) -> Array:
        """As :meth:`Figure.of`."""
        weight = self.beta * self.beta
        hits = (1 + weight) * sums[:, 0]
        return _ratio(hits, hits + sums[:, 1] + weight * sums[:, 2])


@dataclass(frozen=True)
class MacroF1(Figure):
    """Mean F1 of the codes that occur. Columns: 2 tp of each code, then 2 tp + fp + fn of each."""

    def of(self, sums: Array) -> Array:
        """As :meth:`Figure.of`."""
        doubled, total = np.hsplit(sums, 2)
        return _ratio(_ratio(doubled, total).sum(axis=1), (total > 0).sum(axis=1).astype(float))


@dataclass(frozen=True)
class Sampled:
    """A system's figure, the mean over its runs: on all documents, on drawn ones, and with each one left out.

    Two systems' draws belong together: the i-th of both has the same documents.
    """

    value: float
    drawn: Array
    without: Array


def value(figure: Figure) -> float:
    """The figure on all documents."""
    return float(figure.of(_whole(figure))[0])


def sampled(runs: Sequence[Figure], draws: int, seed: int) -> Sampled:
    """The mean of a figure over the runs (seeds) of a system, all with the same documents drawn."""
    drawn = [
        np.mean([run.of(weights @ run.counts) for run in runs], axis=0)
        for weights in _weights(runs[0], draws, seed)
    ]
    return Sampled(
        value=float(np.mean([value(run) for run in runs])),
        drawn=np.concatenate(drawn),
        without=np.mean([_without(run) for run in runs], axis=0),
    )


def interval(a: Sampled, b: Sampled) -> tuple[float, float]:
    """The 95% interval of b − a over documents; the spread between runs is none of its business.

    The variance is the mean of the bootstrap's and the jackknife's. For micro F1 and shares the two agree;
    for macro F1 the bootstrap's is too small, since a draw loses a third of the codes that occur once, and
    the jackknife's too large. A single document has no variance.
    """
    documents = len(a.without)
    seen = b.value - a.value
    if documents < 2:
        return seen, seen
    drawn, without = b.drawn - a.drawn, b.without - a.without
    bootstrap = drawn.var(ddof=1) * documents / (documents - 1)
    jackknife = without.var() * (documents - 1)
    error = np.sqrt((bootstrap + jackknife) / 2)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, documents - 1) * error)
    return seen - reach, seen + reach


def randomisation_p(a: Sequence[Figure], b: Sequence[Figure], draws: int, seed: int) -> float:
    """How often the two systems' difference is as large by chance: two-sided, (1 + hits) / (1 + draws).

    Of two systems with as many runs the i-th of one is paired with the i-th of the other, else all with all.
    """
    rng = np.random.default_rng(seed)
    pairs = list(zip(a, b, strict=True) if len(a) == len(b) else product(a, b))
    seen = np.mean([value(second) - value(first) for first, second in pairs])
    hits = 0
    for rows in _portions(draws, a[0]):
        swapped = rng.integers(0, 2, size=(rows, a[0].counts.shape[0])).astype(float)
        differences = np.mean([_swapped(first, second, swapped) for first, second in pairs], axis=0)
        hits += int((np.abs(differences) >= abs(seen) - 1e-12).sum())
    return (1 + hits) / (1 + draws)


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values corrected for their number (Holm 1979), in the order given."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected, worst = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, ps[i] * (len(ps) - rank)))
        corrected[i] = worst
    return corrected


def macro_counts(by_code: Sequence[Mapping[str, tuple[int, int, int]]], codes: Sequence[str]) -> Any:
    """The columns of :class:`MacroF1`, sparse.

    Args:
        by_code: for each document, code → true positives, false positives, false negatives.
        codes: all codes, in the order of the columns.
    """
    column = {code: i for i, code in enumerate(codes)}
    cells = [
        (row, at, count)
        for row, found in enumerate(by_code)
        for code, (tp, fp, fn) in found.items()
        for at, count in ((column[code], 2 * tp), (len(codes) + column[code], 2 * tp + fp + fn))
    ]
    rows, columns, counts = zip(*cells, strict=True) if cells else ((), (), ())
    shape = (len(by_code), 2 * len(codes))
    return csr_array((np.array(counts, dtype=float), (rows, columns)), shape=shape)


def _whole(figure: Figure) -> Array:
    """The sums over all documents, as one row."""
    sums: Array = np.ones((1, figure.counts.shape[0])) @ figure.counts
    return sums


def _swapped(a: Figure, b: Figure, swapped: Array) -> Array:
    moved = swapped @ (b.counts - a.counts)
    return b.of(_whole(b) - moved) - a.of(_whole(a) + moved)


def _weights(figure: Figure, draws: int, seed: int) -> Iterator[Array]:
    """How often each document is drawn, a row a draw, in portions."""
    rng = np.random.default_rng(seed)
    documents = figure.counts.shape[0]
    for rows in _portions(draws, figure):
        drawn = rng.integers(0, documents, size=(rows, documents))
        drawn += documents * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * documents)
        yield counts.reshape(rows, documents).astype(float)


def _without(figure: Figure) -> Array:
    """The figure with each document left out."""
    found, at = [], 0
    for rows in _portions(figure.counts.shape[0], figure):
        own = figure.counts[at : at + rows]
        found.append(figure.of(_whole(figure) - (own.toarray() if issparse(own) else own)))
        at += rows
    return np.concatenate(found)


def _portions(rows: int, figure: Figure) -> list[int]:
    """The rows of a matrix of weights or of sums, in portions that fit into memory."""
    most = max(1, _AT_ONCE // max(figure.counts.shape))
    return [min(most, rows - at) for at in range(0, rows, most)]


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
