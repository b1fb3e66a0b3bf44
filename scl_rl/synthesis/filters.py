"""Which candidates are dropped: what several codes are called, and what is more like another code's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .candidates import Candidate, wording_key

_ROWS = 512  # candidates compared at a time


def unambiguous(
    candidates: Sequence[Candidate],
    known: Mapping[str, Collection[str]],
    owners: Callable[[str], Collection[str]] = lambda key: (),
) -> Iterator[Candidate]:
    """The candidates whose wording is one code's alone.

    A wording that was marked in notes is the codes' that it was marked with; else it is the codes' of which
    it surely is a term; else that of the one candidate that has it.

    Args:
        known: wording → the codes that it was marked with, in spans and annotated documents.
        owners: gives the codes of the whole tabular list of which a wording surely is a term.
    """
    claims: dict[str, dict[bool, set[str]]] = {}
    for candidate in candidates:
        claims.setdefault(candidate.key, {True: set(), False: set()})[candidate.sure].add(candidate.code)
    for candidate in candidates:
        claim = claims[candidate.key]
        having = set(known.get(candidate.key, ())) or claim[True] | set(owners(candidate.key)) or claim[False]
        if having == {candidate.code}:
            yield candidate


class Likeness:
    """How like a wording is to the terms of codes: the Dice coefficient of their character trigrams.

    Dice is twice the number of trigrams in common over the number in both, those of a wording counted
    once, with a space before and after it. 1 is the same wording, 0 nothing in common.

    Args:
        terms: wordings with their codes.
    """

    def __init__(self, terms: Iterable[tuple[str, str]]) -> None:
        rows = list(dict.fromkeys((wording_key(text), code) for text, code in terms))
        self._codes = np.array([code for _, code in rows])
        self._numbers: dict[str, int] = {}
        self._terms = self._matrix([text for text, _ in rows], learn=True)
        self._sizes = np.asarray(self._terms.sum(axis=1)).ravel()

    def of(self, candidates: Sequence[Candidate]) -> Iterator[tuple[float, float]]:
        """For each candidate: how like it is to the likest term of its own code, and to that of any other."""
        for first in range(0, len(candidates), _ROWS):
            some = candidates[first : first + _ROWS]
            dice = self._dice([candidate.key for candidate in some])
            for row, candidate in zip(dice, some, strict=True):
                own = self._codes == candidate.code
                yield float(row[own].max(initial=0.0)), float(row[~own].max(initial=0.0))

    def rivals(self, candidate: Candidate, number: int) -> list[str]:
        """The other codes whose terms are likest to a candidate's wording, as many at most."""
        dice = self._dice([candidate.key])[0]
        ranked = (str(self._codes[at]) for at in np.argsort(-dice, kind="stable") if dice[at] > 0)
        return list(dict.fromkeys(code for code in ranked if code != candidate.code))[:number]

    def _dice(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Texts × terms."""
        sizes = np.array([len(trigrams(text)) for text in texts])
        common = (self._matrix(texts) @ self._terms.T).toarray()
        found: NDArray[np.float64] = 2 * common / (sizes[:, None] + self._sizes[None, :])
        return found

    def _matrix(self, texts: Sequence[str], learn: bool = False) -> sparse.csr_matrix:
        """Texts × trigrams, 1 where the text has it."""
        columns, ends = [], [0]
        for text in texts:
            for trigram in trigrams(text):
                number = self._numbers.setdefault(trigram, len(self._numbers)) if learn else -1
                number = self._numbers.get(trigram, number)
                if number >= 0:
                    columns.append(number)
            ends.append(len(columns))
        ones = np.ones(len(columns), dtype=np.int32)
        return sparse.csr_matrix((ones, columns, ends), shape=(len(texts), len(self._numbers)))


def trigrams(text: str) -> set[str]:
    """The runs of three characters of a wording with a space before and after it."""
    padded = f" {text} "
    return {padded[at : at + 3] for at in range(max(1, len(padded) - 2))}


def not_near(
    candidates: Sequence[Candidate], likeness: Likeness, least: float, dropped: Counter[str]
) -> Iterator[Candidate]:
    """Without those that are at least so like a term of another code, and no less than their own's."""
    for candidate, (own, other) in zip(candidates, likeness.of(candidates), strict=True):
        if other >= least and other >= own:
            dropped["near"] += 1
        else:
            yield candidate
