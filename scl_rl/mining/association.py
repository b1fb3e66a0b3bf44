"""How strongly words and a code go together, from counts of notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def log_likelihood_ratio(both: ArrayLike, first: ArrayLike, second: ArrayLike, notes: float) -> Floats:
    """G² of two things that notes have or have not (Dunning 1993), one-sided.

    Twice the log of how many times likelier the counts are if the two depend on each other than if not, in
    nats; 0 where they are found together less often than by chance.

    Args:
        both, first, second: notes with both, with the first, with the second; broadcast with each other.
        notes: all notes.
    """
    both, first, second = (np.asarray(counts, dtype=np.float64) for counts in (both, first, second))
    ratio = 2 * (
        _term(both, first * second / notes)
        + _term(first - both, first * (notes - second) / notes)
        + _term(second - both, (notes - first) * second / notes)
        + _term(notes - first - second + both, (notes - first) * (notes - second) / notes)
    )
    return np.where(both * notes > first * second, np.maximum(ratio, 0), 0)


def _term(observed: Floats, expected: Floats) -> Floats:
    some = observed > 0
    safe = np.where(some, observed, 1)
    return np.where(some, safe * np.log(safe / np.where(some, expected, 1)), 0)


def smoothed_share(both: ArrayLike, words: ArrayLike, code: float, notes: float, weight: float) -> Floats:
    """The share in (0, 1) of the notes with the words that have the code, drawn towards the code's own share.

    The mean of the posterior under a beta prior that is worth ``weight`` notes.

    Args:
        both, words: notes with words and code, notes with the words.
        code, notes: notes with the code, all notes.
    """
    prior = weight * code / notes
    return (np.asarray(both, dtype=np.float64) + prior) / (np.asarray(words, dtype=np.float64) + weight)
