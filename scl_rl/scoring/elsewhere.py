"""Right words in the wrong place: where evidence's words stand again, and who is spoken of there."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from ..answer.grammar import AnswerLine, Quote, QuotedMention
from ..corpus.types import Fragment
from ..corpus.windows import sentences
from .gold import GoldDocument

_NOT_THE_PATIENTS = re.compile(
    r"\b(no|not|denies|denied|without|negative|absence|absent|excluded|ruled out|free of|never|"
    r"mother|father|brother|sister|aunt|uncle|grandm\w+|grandf\w+|son|daughter|family|familial|"
    r"sin|ni|niega|nunca|ausencia|negativ[oa]s?|descart\w+|"
    r"madre|padre|herman[oa]s?|t[ií][oa]s?|abuel[oa]s?|hij[oa]s?|familiar(es)?)\b",
    re.IGNORECASE,
)


def elsewhere(gold: GoldDocument, line: AnswerLine) -> list[tuple[Fragment, QuotedMention]]:
    """Where the words of a line's one-fragment mentions stand and are no evidence of its code."""
    found: list[tuple[Fragment, QuotedMention]] = []
    for mention in line.mentions:
        if len(mention) > 1:
            continue
        for number, place in enumerate(gold.index.occurrences(mention[0].text), 1):
            if gold.overlap(line.code, [place]) == 0:
                found.append((place, (Quote(mention[0].text, number),)))
    return found


def speaks_of_another(text: str, place: Fragment) -> bool:
    """Whether the sentence around a place speaks of absence or the family, by English and Spanish words."""
    found = _sentences(text)
    start, end = found[bisect_right(found, (place[0], len(text))) - 1]
    return place[0] < end and _NOT_THE_PATIENTS.search(_without(text, start, end, place)) is not None


@lru_cache(maxsize=8)
def _sentences(text: str) -> list[Fragment]:
    """The sentences of a text; many places of one are asked about."""
    return sentences(text)


def _without(text: str, start: int, end: int, place: Fragment) -> str:
    """The text from start to end with a blank for what stands at the place."""
    return text[start : max(start, place[0])] + " " + text[min(end, place[1]) : end]
