"""Finding quotes in a text: verbatim up to case and white space, or not at all."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator

from ..corpus.types import Fragment, PredictedMention

_SPACES = re.compile(r"\s+")
_KEPT = 1024  # quotes of a text whose places are kept
_KEPT_PLACES = 1_000_000  # and places of all of them


class _Fold(dict[int, int]):
    """Case folding one code point at a time, so that offsets stay what they were."""

    def __missing__(self, point: int) -> int:
        folded = chr(point).casefold()
        self[point] = ord(folded) if len(folded) == 1 else point
        return self[point]


_FOLD = _Fold()


def fold(text: str) -> str:
    """Lower-case a text for comparison, keeping its length (``ß`` stays as it is)."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def _core(quote: str) -> str:
    """What of a quote decides where it stands."""
    return _SPACES.sub(" ", fold(quote.strip()))


def misquotes(text: str, mention: PredictedMention) -> bool:
    """Whether a mention quotes other words than stand at its fragments, up to case and white space."""

    def plain(words: str) -> str:
        return " ".join(fold(words).split())

    standing = [plain(text[start:end]) for start, end in mention.fragments or ()]
    return bool(standing) and standing != [plain(quote) for quote in mention.quotes]


class TextIndex:
    """A text made ready for look-ups. Each look-up is linear in the text's length.

    A quote matches where its words do, in any case, each run of white space in it matching any run of
    white space in the text. White space at the ends of a quote is taken where the text has it and
    ignored where not, so that the words alone decide which occurrence is which.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        folded = fold(text)
        pieces: list[str] = []
        self._breaks: list[int] = [0]  # squeezed positions from which the shift holds
        self._shifts: list[int] = [0]  # original position minus squeezed position
        done = squeezed = 0
        for run in _SPACES.finditer(folded):
            if run.group() == " ":
                continue
            pieces += (folded[done : run.start()], " ")
            squeezed += run.start() - done + 1
            done = run.end()
            if done - squeezed != self._shifts[-1]:
                self._breaks.append(squeezed)
                self._shifts.append(done - squeezed)
        pieces.append(folded[done:])
        self._squeezed = "".join(pieces)
        self._found: dict[str, tuple[list[int], Iterator[int]]] = {}
        self._kept_places = 0

    def _original(self, position: int) -> int:
        return position + self._shifts[bisect_right(self._breaks, position) - 1]

    def _starts(self, core: str) -> Iterator[int]:
        at = self._squeezed.find(core)
        while at >= 0:
            yield at
            at = self._squeezed.find(core, at + 1)

    def _nth(self, core: str, occurrence: int) -> int:
        """Where the n-th occurrence starts, -1 if there is none. What was found on the way is kept."""
        if occurrence == 1:
            return self._squeezed.find(core)
        if occurrence > len(self._squeezed) - len(core) + 1:
            return -1
        if len(self._found) >= _KEPT or self._kept_places >= _KEPT_PLACES:
            self._found.clear()
            self._kept_places = 0
        starts, further = self._found.setdefault(core, ([], self._starts(core)))
        known = len(starts)
        starts += itertools.islice(further, max(0, occurrence - known))
        self._kept_places += len(starts) - known
        return starts[occurrence - 1] if occurrence <= len(starts) else -1

    def occurrences(self, quote: str) -> Iterator[Fragment]:
        """Every place where the quote stands, in order; every start counts, overlapping ones too."""
        if core := _core(quote):
            for at in self._starts(core):
                yield self._fragment(at, core, quote)

    def _fragment(self, at: int, core: str, quote: str) -> Fragment:
        start = self._original(at)
        end = self._original(at + len(core) - 1) + 1
        lead = len(quote) - len(quote.lstrip())
        trail = len(quote) - len(quote.rstrip())
        return self._widen_left(start, lead), self._widen_right(end, trail)

    def _widen_left(self, start: int, most: int) -> int:
        while most and start and self.text[start - 1].isspace():
            start, most = start - 1, most - 1
        return start

    def _widen_right(self, end: int, most: int) -> int:
        while most and end < len(self.text) and self.text[end].isspace():
            end, most = end + 1, most - 1
        return end

    def locate(self, quote: str, occurrence: int = 1) -> Fragment | None:
        """The n-th place (from 1) where the quote stands, as ``(start, end)``, or None."""
        core = _core(quote)
        at = self._nth(core, occurrence) if core else -1
        return None if at < 0 else self._fragment(at, core, quote)

    def quote(self, fragment: Fragment) -> tuple[str, int] | None:
        """The words at a fragment and which of their occurrences it is, or None if it holds only white space.

        The inverse of :meth:`locate`: looking the result up gives the fragment back exactly.
        """
        words = self.text[fragment[0] : fragment[1]]
        for number, place in enumerate(self.occurrences(words), 1):
            if place == fragment:
                lead, trail = len(words) - len(words.lstrip()), len(words.rstrip())
                return words[:lead] + _SPACES.sub(" ", words.strip()) + words[trail:], number
        return None
