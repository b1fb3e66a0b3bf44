"""Which wordings of which codes a corpus uses, and the one tier that each belongs to.

A is shown in annotated documents, B only in spans, C only in code-only documents, D nowhere in
training: what a model makes of each on test documents tells what each kind of supervision brought.
"""

from __future__ import annotations

import random
import re

from ...errors import UserError
from ...icd import codes as icd
from ...icd.lexicon import LEXICON

TIERS = "ABCD"
MOST_WORDINGS = 8

Wordings = dict[str, dict[str, str]]  # code → wording → tier


def occurs(wording: str, text: str) -> list[tuple[int, int]]:
    """Where a wording stands in a text as words of its own, in any case."""
    if wording.lower() not in text.lower():  # by far the most common case, and quick to tell
        return []
    pattern = re.compile(rf"(?<!\w){re.escape(wording)}(?!\w)", re.IGNORECASE)
    return [match.span() for match in pattern.finditer(text)]


def choose_wordings(codes: int, seed: int) -> Wordings:
    """``codes`` codes with their wordings' tiers; our own lexicon's codes come first.

    No wording stands inside another one, so that each occurrence means one code and shows one wording.

    Raises:
        UserError: there are not that many codes with four wordings.
    """
    rng = random.Random(f"{seed}-wordings")
    own = list(LEXICON)
    chosen: Wordings = {}
    for code in rng.sample(own, min(codes, len(own))):
        chosen[code] = _tiers(list(LEXICON[code]), rng)
    if codes > len(own):
        _add_official(chosen, codes, rng)
    return chosen


def _add_official(chosen: Wordings, codes: int, rng: random.Random) -> None:
    """Go on with other billable codes, in random order, that can be worded in four ways."""
    others = [code for code in icd.billable_codes() if code not in chosen]
    rng.shuffle(others)
    taken = _Taken([wording for wordings in chosen.values() for wording in wordings])
    for code in others:
        if len(chosen) == codes:
            return
        wordings = taken.free(list(icd.wordings(code)))[:MOST_WORDINGS]
        if len(wordings) >= len(TIERS):
            chosen[code] = _tiers(wordings, rng)
            taken.add(wordings)
    if len(chosen) < codes:
        raise UserError(f"the synthetic corpus has {len(chosen)} codes with four wordings, not {codes}")


class _Taken:
    """The wordings in use, by their words, to tell quickly which others would nest with them."""

    def __init__(self, wordings: list[str]) -> None:
        self._by_word: dict[str, list[str]] = {}
        self.add(wordings)

    def add(self, wordings: list[str]) -> None:
        for wording in wordings:
            for word in set(re.findall(r"\w+", wording.lower())):
                self._by_word.setdefault(word, []).append(wording)

    def free(self, wordings: list[str]) -> list[str]:
        """Those of the wordings that neither stand inside, nor hold, one in use or one kept before."""
        kept: list[str] = []
        for wording in wordings:
            words = re.findall(r"\w+", wording.lower())
            rivals = [rival for word in words for rival in self._by_word.get(word, ())] + kept
            if not any(occurs(wording, rival) or occurs(rival, wording) for rival in rivals):
                kept.append(wording)
        return kept


def _tiers(wordings: list[str], rng: random.Random) -> dict[str, str]:
    rng.shuffle(wordings)
    return {wording: TIERS[number % len(TIERS)] for number, wording in enumerate(wordings)}
