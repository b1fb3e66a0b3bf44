"""What no context-free grammar says of an answer: ``#n`` exists, the code is in the list and not used before.

An answer is followed byte by byte, whatever the tokens are. The grammar has seen to its form, so following
it takes no more than knowing whether a byte belongs to a quote, to a number or to a code.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Literal

from ...answer.grammar import AnswerFormat
from ...scoring import NoteText
from .codes import CodeList

_STRING = re.compile(rb'((?:[^"\\]|\\.)*)"', re.DOTALL)
_IN_CODE = re.compile(rb'[^\s"]*')
_FRAGMENT = 3  # brackets around the string of [string, n]
_CODE_STRING = 3  # the strings of a JSON line outside of its evidence: a key, a key, the code


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an answer we are, and what was there before that matters.

    Attributes:
        kind: ``closed`` is behind a quote that a number may follow; ``between`` is everywhere else.
        text: of the quote, key, number or code that is being written, what there is of it.
        numbers: of the quote before, which occurrences can be meant.
        used: the codes of the lines before.
        depth, strings: of a JSON line, open brackets and the strings outside of them.
    """

    kind: Literal["between", "quote", "key", "closed", "number", "code"] = "between"
    text: bytes = b""
    numbers: tuple[bytes, ...] = ()
    used: frozenset[bytes] = frozenset()
    depth: int = 0
    strings: int = 0


START = Place()


class Rules:
    """The rules for answers to one note."""

    def __init__(self, text: str, codes: CodeList, form: AnswerFormat) -> None:
        self._note = NoteText(text)
        self._codes = codes
        self._step = self._in_lines if form == "lines" else self._in_json
        self._numbers: dict[bytes, tuple[bytes, ...]] = {}

    def follow(self, place: Place, data: bytes) -> Place | None:
        """The place after some more bytes, None if they break a rule."""
        while data:
            if place.kind in ("quote", "key"):
                written = place.text + data
                string = _STRING.match(written)
                if string is None:
                    return replace(place, text=written)
                place, data = self._closed(place, string[1]), written[string.end() :]
            else:
                after = self._step(place, data[:1])
                if after is None:
                    return None
                place, data = after, data[1:]
        return place

    def may_end(self, place: Place) -> bool:
        """Whether nothing is left half-written that the grammar takes for whole."""
        if place.kind == "closed":
            return b"1" in place.numbers
        if place.kind == "number":
            return place.text in place.numbers
        return place.kind != "code" or self._is_code(place)

    def fits(self, start: bytes, data: bytes) -> bool:
        """Whether what may come after the start of a code leads to a code of the list, used or not."""
        data = data if start else data.lstrip(b" ")
        more = _IN_CODE.match(data).group()  # type: ignore[union-attr]  # it matches everywhere
        whole = len(more) == len(data)
        return self._codes.beginning(start + more) > 0 if whole else start + more in self._codes

    def _closed(self, place: Place, content: bytes) -> Place:
        """Behind the string that ended."""
        if place.kind == "key" or (place.depth and place.depth < _FRAGMENT):
            return replace(place, kind="between", text=b"")
        if content not in self._numbers:
            self._numbers[content] = self._occurrences(content)
        return replace(place, kind="closed", text=b"", numbers=self._numbers[content])

    def _occurrences(self, content: bytes) -> tuple[bytes, ...]:
        """Which occurrences of a quote begin and end with whole words, counted as the scorer counts."""
        quote = json.loads(b'"' + content + b'"')
        return tuple(
            str(number).encode()
            for number, fragment in enumerate(self._note.index.occurrences(quote), 1)
            if not self._note.tokens.torn([fragment])
        )

    def _in_lines(self, place: Place, byte: bytes) -> Place | None:
        match place.kind:
            case "code":
                if byte == b"\n":
                    return self._next_line(self._used(place))
                return place if byte == b" " and not place.text else self._goes_on(place, byte)
            case "closed" if byte == b"#":
                # The first occurrence is what a quote without a number means.
                further = tuple(number for number in place.numbers if number != b"1")
                return replace(place, kind="number", numbers=further) if further else None
            case "number" if byte.isdigit():
                return _digit(place, byte)
            case "closed" | "number" if not self.may_end(place):
                return None
        if byte == b'"':
            return replace(place, kind="quote", text=b"", numbers=())
        return replace(place, kind="code" if byte == b">" else "between", text=b"", numbers=())

    def _in_json(self, place: Place, byte: bytes) -> Place | None:
        match place.kind:
            case "code":
                return self._used(place) if byte == b'"' else self._goes_on(place, byte)
            case "closed":
                return _digit(replace(place, kind="number"), byte) if byte.isdigit() else place
            case "number" if byte.isdigit():
                return _digit(place, byte)
            case "number" if not self.may_end(place):
                return None
        place = replace(place, kind="between", text=b"", numbers=())
        match byte:
            case b"\n":
                return self._next_line(place)
            case b"[":
                return replace(place, depth=place.depth + 1)
            case b"]":
                return replace(place, depth=place.depth - 1)
            case b'"' if place.depth:
                return replace(place, kind="quote")
            case b'"':
                strings = place.strings + 1
                return replace(place, kind="code" if strings == _CODE_STRING else "key", strings=strings)
        return place

    def _is_code(self, place: Place) -> bool:
        return place.text in self._codes and place.text not in place.used

    def _goes_on(self, place: Place, byte: bytes) -> Place | None:
        text = place.text + byte
        return replace(place, text=text) if self._codes.goes_on(text, place.used) else None

    def _used(self, place: Place) -> Place | None:
        """Behind a code, if it is one."""
        if not self._is_code(place):
            return None
        return replace(place, kind="between", text=b"", used=place.used | {place.text})

    def _next_line(self, place: Place | None) -> Place | None:
        """At the start of a further line, if a code is left for it."""
        if place is None or len(place.used) == len(self._codes):
            return None
        return Place(used=place.used)


def _digit(place: Place, byte: bytes) -> Place | None:
    text = place.text + byte
    return replace(place, text=text) if any(n.startswith(text) for n in place.numbers) else None
