"""Rows of a source that don't fit its texts: what becomes of them, and how they are told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import Problem, UserError
from ..jsonl import MOST_PROBLEMS
from ..types import Document, Fragment, Mention

Policy = Literal["keep", "strict", "drop", "repair"]
"""``keep``: offsets stand even if the words differ, and what can't be used is an error. ``strict``: whatever
doesn't fit is an error. ``drop``: it is left out. ``repair``: its words are looked for near its offsets."""

Done = Literal["kept", "repaired", "left out"]


@dataclass(frozen=True)
class Misfit:
    """A row, or a part of it, that doesn't fit.

    Attributes:
        where: file and line.
        what: what is wrong, without a word of a note.
        reference: the words that the source gives, "" where it gives none.
        standing: the words at its offsets.
    """

    where: str
    what: str
    done: Done
    reference: str = ""
    standing: str = ""

    def __str__(self) -> str:
        return f"{Problem(self.where, self.what)}: {self.done}"


@dataclass(frozen=True)
class Imported:
    """The documents of a source, and the rows that did not fit."""

    documents: list[Document]
    misfits: list[Misfit]


class Misfits:
    """Collects what doesn't fit while a source is read, and does with it what the policy says."""

    def __init__(self, policy: Policy = "keep") -> None:
        self.policy = policy
        self._found: list[Misfit] = []
        self._errors: list[Problem] = []

    def unusable(self, where: str, what: str, hint: str = "") -> None:
        """Tell of a row that nothing can be made of."""
        if self.policy in ("drop", "repair"):
            self._found.append(Misfit(where, what, "left out"))
        else:
            self._errors.append(Problem(where, what, hint))

    def odd(self, where: str, what: str, done: Done = "kept") -> None:
        """Tell of a row that can be used although it is odd, or of a part of one that can't."""
        if self.policy == "strict":
            self._errors.append(Problem(where, what))
        else:
            self._found.append(Misfit(where, what, done))

    def unwanted(self, where: str, what: str) -> None:
        """Tell of a row that nobody asked for; that is no mistake of the source."""
        self._found.append(Misfit(where, what, "left out"))

    def settle(
        self, where: str, text: str, fragments: Sequence[Fragment], reference: str | None = None
    ) -> Mention | None:
        """The fragments that a row's mention gets, None if it gets none.

        Empty fragments are passed over. If the source gives the words that it means, they are compared with
        those at the offsets, white space aside.
        """
        outside = next((f for f in fragments if not 0 <= f[0] <= f[1] <= len(text)), None)
        if outside is not None:
            what = f"offsets {outside} outside the text of {len(text)} characters"
            moved = self._moved(where, what, text, fragments, reference)
            if moved is None:
                self.unusable(where, what)
            return moved
        mention = [fragment for fragment in fragments if fragment[0] < fragment[1]]
        if not mention:
            self.odd(where, "nothing between its offsets", "left out")
        elif len(mention) < len(fragments):
            self.odd(where, "one of its fragments is empty, the others stand")
        standing = " ".join(text[start:end] for start, end in fragments)
        if not mention or reference is None or standing.split() == reference.split():
            return mention or None
        what = f"reference of {len(reference)} characters, {len(standing)} others at its offsets"
        if self.policy == "strict":
            self._errors.append(Problem(where, what))
            return None
        if self.policy == "keep":
            self._found.append(Misfit(where, what, "kept", reference, standing))
            return mention
        moved = self._moved(where, what, text, mention, reference, standing)
        if moved is None:
            self._found.append(Misfit(where, what, "left out", reference, standing))
        return moved

    def finish(self) -> list[Misfit]:
        """What didn't fit.

        Raises:
            UserError: by the policy, some of it is an error.
        """
        if self._errors:
            more = len(self._errors) - MOST_PROBLEMS
            file = self._errors[0].where.rpartition(":")[0]
            rest = [Problem(file, f"and {more} more mistakes")] if more > 0 else []
            raise UserError(*self._errors[:MOST_PROBLEMS], *rest)
        return self._found

    def _moved(
        self,
        where: str,
        what: str,
        text: str,
        fragments: Sequence[Fragment],
        reference: str | None,
        standing: str = "",
    ) -> Mention | None:
        """Where the words of the reference stand, nearest to the offsets; None unless that is asked for."""
        if self.policy != "repair" or not reference:
            return None
        moved: Mention = []
        at = 0
        for number, (start, end) in enumerate(fragments):
            last = number == len(fragments) - 1
            words = reference[at:] if last else reference[at : at + max(0, end - start)]
            at += max(0, end - start) + 1
            place = nearest_place(text, words, start)
            if place is None:
                return None
            moved.append(place)
        self._found.append(Misfit(where, what, "repaired", reference, standing))
        return moved


def nearest_place(text: str, words: str, near: int) -> Fragment | None:
    """Of the places of words in a text, the nearest to an offset."""
    return min(places_of(text, words), key=lambda place: abs(place[0] - near), default=None)


def places_of(text: str, words: str) -> list[Fragment]:
    """Where words stand in a text, whatever their case and the white space between them."""
    parts = words.split()
    if not parts:
        return []
    pattern = re.compile(r"\s+".join(map(re.escape, parts)), re.IGNORECASE)
    return [found.span() for found in pattern.finditer(text)]
