"""Words beside a mention that say that it doesn't count: "denies", "mother had", "ruled out".

They are learned, in whatever language the notes are. Words that imply a code stand in notes that have the
code and in notes that have not; what stands beside them in the latter alone speaks against a mention.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from ..corpus.types import Fragment
from ..corpus.windows import sentences
from ..scoring.locate import fold
from ..scoring.match import TOKEN
from .association import log_likelihood_ratio

_REACH = 6  # words to either side, within the sentence
_MIN_ASSOCIATION = 4.0
Cue = tuple[str, str]
"""Which side of the mention, "before" or "after", and the word."""


class Surroundings:
    """A text, ready to say which words stand around a place in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sentences = sentences(text)
        self._starts = [start for start, _ in self._sentences]

    def cues(self, place: Fragment) -> set[Cue]:
        """The words within reach before and after a place, in its sentence."""
        start, end = self._sentences[max(0, bisect_right(self._starts, place[0]) - 1)]
        before = [fold(word[0]) for word in TOKEN.finditer(self._text, start, place[0])]
        after = [fold(word[0]) for word in TOKEN.finditer(self._text, place[1], max(end, place[1]))]
        return {("before", word) for word in before[-_REACH:]} | {("after", word) for word in after[:_REACH]}


class DenialCues:
    """How much each word beside a mention speaks against it."""

    def __init__(self, weights: dict[Cue, float]) -> None:
        self.weights = weights

    @classmethod
    def learn(cls, mentions: Iterable[tuple[set[Cue], bool]]) -> DenialCues:
        """Learn from words that imply a code: what stands beside them, whether their note has the code."""
        counted: dict[bool, Counter[Cue]] = {True: Counter(), False: Counter()}
        totals = {True: 0, False: 0}
        for cues, has_code in mentions:
            counted[has_code].update(cues)
            totals[has_code] += 1
        weights = {}
        for cue, denied in counted[False].items():
            affirmed = counted[True][cue]
            ratio = log_likelihood_ratio(denied, totals[False], denied + affirmed, sum(totals.values()))
            if ratio >= _MIN_ASSOCIATION:
                share = (denied + 0.5) / (totals[False] + 1)
                weights[cue] = math.log(share) - math.log((affirmed + 0.5) / (totals[True] + 1))
        return cls(weights)

    def against(self, cues: Iterable[Cue]) -> float:
        """How much they speak against a mention together, in nats; 0: nothing does."""
        return math.fsum(self.weights.get(cue, 0.0) for cue in cues)
