"""Which codes a corpus has, in which words, and who may see the words.

Every wording of a code belongs to one tier: A is shown with its evidence in annotated documents, B in
spans alone, C in code-only documents alone, D nowhere in training. What a model gets right on each tier
tells what it learned from each kind of supervision.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ...icd.lexicon import LEXICON, Entry, Wording

TIERS = "ABCD"
_DEAL = "ABCDBACD"
"""The order in which shuffled wordings are dealt out: one of each tier first."""

CONFLICTS = {
    frozenset(pair)
    for pair in (
        ("E03.9", "E05.90"),
        ("R19.7", "K59.00"),
        # These pairs have a combination code of their own.
        ("I10", "N18.9"),
        ("I10", "I50.9"),
        ("E11.9", "N18.9"),
        ("J44.9", "J45.909"),
        ("J44.9", "J18.9"),
        # These are one illness or each other's sign.
        ("I63.9", "G40.909"),
        ("I21.4", "R07.9"),
        ("I26.99", "I82.409"),
        ("G43.909", "R51.9"),
        ("K35.80", "R10.9"),
        ("L03.90", "R21"),
        ("J06.9", "J02.9"),
        ("N39.0", "R30.0"),
        ("J18.9", "R05.9"),
        ("F32.A", "F41.9"),
        ("R42", "R55"),
        ("E66.9", "R63.4"),
    )
}
"""Codes that a careful coder would not write next to each other."""
MALE = frozenset({"N40.0"})


@dataclass(frozen=True)
class Vocabulary:
    """The codes of a corpus: their kinds of condition, and their wordings by tier."""

    conditions: dict[str, str]
    wordings: dict[str, dict[str, list[Wording]]]

    @property
    def codes(self) -> list[str]:
        """The codes, in order."""
        return list(self.conditions)

    def tiers(self) -> dict[str, dict[str, str]]:
        """Code → wording → tier."""
        return {
            code: {wording.text: tier for tier, wordings in by_tier.items() for wording in wordings}
            for code, by_tier in self.wordings.items()
        }


def vocabulary(codes: int, seed: int, most_wordings: int | None = None) -> Vocabulary:
    """The first codes of the lexicon, more from the tables when it has too few, with tiers drawn.

    Args:
        most_wordings: of a code; absent = all.

    Raises:
        UserError: there are not so many codes with enough wordings.
    """
    entries: dict[str, Entry] = dict(list(LEXICON.items())[:codes])
    if codes > len(LEXICON):
        from ...icd.extend import extended

        entries = extended(codes)
    wordings = {
        code: _dealt(entry, random.Random(f"{seed}-tiers-{code}"), most_wordings)
        for code, entry in entries.items()
    }
    return Vocabulary({code: entry.condition for code, entry in entries.items()}, wordings)


def _dealt(entry: Entry, rng: random.Random, most: int | None) -> dict[str, list[Wording]]:
    shuffled = rng.sample(entry.wordings, len(entry.wordings))[:most]
    tiers: dict[str, list[Wording]] = {tier: [] for tier in TIERS}
    for number, wording in enumerate(shuffled):
        tiers[_DEAL[number % len(_DEAL)]].append(wording)
    return tiers


class Deck:
    """Codes drawn so that each comes up about as often as any other."""

    def __init__(self, codes: list[str], rng: random.Random) -> None:
        self._codes = codes
        self._rng = rng
        self._pile: list[str] = []

    def draw(self, number: int) -> list[str]:
        """So many different codes that go together; fewer where there are no more."""
        drawn: list[str] = []
        for refill in (False, True):
            if refill:
                self._pile += self._rng.sample(self._codes, len(self._codes))
            for code in tuple(self._pile):
                if len(drawn) == number:
                    return drawn
                if code not in drawn and not any(frozenset((code, other)) in CONFLICTS for other in drawn):
                    self._pile.remove(code)
                    drawn.append(code)
        return drawn
