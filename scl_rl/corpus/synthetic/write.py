"""Text that remembers where the mentions in it stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...icd.lexicon import Wording
from ..types import Fragment, Mention
from .templates import GROUP, Group, What

_FIELD = re.compile(r"\{(\w+)\}")


class Fact(NamedTuple):
    """One thing to be said of one code."""

    code: str
    condition: str
    """The kind of condition, as the lexicon has it."""
    wording: Wording
    tier: str
    what: What = "affirmed"
    torn: bool = False
    """Whether the wording's insert stands in it."""
    earlier: bool = False
    """Whether it must be said of a time past, because the code counts today."""

    @property
    def group(self) -> Group:
        """The group of conditions that sentences are written for."""
        return GROUP[self.condition]


class Piece(NamedTuple):
    """A stretch of text with its mentions."""

    text: str
    marks: tuple[tuple[Fact, Mention], ...] = ()

    def capitalised(self) -> Piece:
        """With a capital first; places stay as they are."""
        return Piece(self.text[:1].upper() + self.text[1:], self.marks)


def join(pieces: Sequence[Piece], between: str = "") -> Piece:
    """The pieces one after the other."""
    text = ""
    marks: list[tuple[Fact, Mention]] = []
    for number, piece in enumerate(pieces):
        text += between if number else ""
        marks += [(fact, [_shift(place, len(text)) for place in mention]) for fact, mention in piece.marks]
        text += piece.text
    return Piece(text, tuple(marks))


def say(template: str, facts: Sequence[Fact], field: Callable[[str], str], conjunction: str = "and") -> Piece:
    """The template with its fields filled in and the facts' wordings in the place of ``{w}`` or ``{x}``."""
    with_article = "{x}" in template
    slot = "\0"
    text = _FIELD.sub(lambda found: slot if found[1] in "wx" else field(found[1]), template)
    before, _, after = text.partition(slot)
    wordings = [_wording(fact, with_article) for fact in facts]
    if len(wordings) > 1:
        *first, last = wordings
        wordings = [join(first, ", "), Piece(f" {conjunction} "), last]
    return join([Piece(before), *wordings, Piece(after)])


def sentence(template: str, facts: Sequence[Fact], field: Callable[[str], str]) -> Piece:
    """A sentence that says the template of the facts; what is denied together is joined by "or"."""
    conjunction = "or" if facts and facts[0].what in ("negated", "ruled_out") else "and"
    return say(template, facts, field, conjunction).capitalised()


def _wording(fact: Fact, with_article: bool) -> Piece:
    article = f"{fact.wording.article} " if with_article and fact.wording.article else ""
    if fact.torn and fact.wording.split:
        left, insert, right = fact.wording.split
        places = [_tight(left, 0), _tight(right, len(left + insert))]
        piece = Piece(left + insert + right, ((fact, places),))
    else:
        piece = Piece(fact.wording.text, ((fact, [(0, len(fact.wording.text))]),))
    return join([Piece(article), piece])


def _tight(part: str, start: int) -> Fragment:
    """Where the part stands, without the white space at its ends."""
    lead = len(part) - len(part.lstrip())
    return start + lead, start + len(part.rstrip())


def _shift(place: Fragment, by: int) -> Fragment:
    return place[0] + by, place[1] + by
