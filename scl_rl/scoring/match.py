"""How well two mentions of one document agree: F1 between the sets of ``\\w+`` tokens they touch."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Literal

from ..corpus.types import Fragment

TOKEN = re.compile(r"\w+")


class TokenIndex:
    """The ``\\w+`` tokens of a text, ready to tell which of them a mention touches."""

    def __init__(self, text: str) -> None:
        spans = [match.span() for match in TOKEN.finditer(text)]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def touched(self, mention: Iterable[Fragment]) -> frozenset[int]:
        """Numbers of the tokens that share at least one character with the mention."""
        found: set[int] = set()
        for start, end in mention:
            found.update(range(bisect_right(self._ends, start), bisect_left(self._starts, end)))
        return frozenset(found)

    def torn(self, mention: Iterable[Fragment]) -> bool:
        """Whether a fragment begins or ends inside a token."""
        return any(self._inside(start) or self._inside(end) for start, end in mention)

    def _inside(self, place: int) -> bool:
        token = bisect_left(self._starts, place) - 1
        return token >= 0 and place < self._ends[token]


Match = Literal["overlap", "exact", "containment"]
"""How a mention may agree with a gold mention other than by being the same: by overlap (:func:`overlap`); not
at all; or by lying inside it (a longer mention never does, so citing the whole note gains nothing)."""


def agreement(mention: frozenset[int], gold: frozenset[int], match: Match) -> float:
    """How well the tokens of a mention agree with those of a gold mention, in [0, 1]."""
    if match == "overlap":
        return overlap(mention, gold)
    return float(match == "containment" and bool(mention) and mention <= gold)


def overlap(first: frozenset[int], second: frozenset[int]) -> float:
    """F1 between two sets of tokens, in [0, 1]; 0 if either is empty."""
    total = len(first) + len(second)
    return 2 * len(first & second) / total if first and second else 0.0


def hull(mention: Sequence[Fragment]) -> Fragment:
    """``[min start, max end]`` of a mention: how MDACE's scores see a discontinuous one."""
    return min(start for start, _ in mention), max(end for _, end in mention)
