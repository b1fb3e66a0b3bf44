"""``scl-rl data check``: everything that is wrong with files that belong together, found in one reading."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ..corpus.jsonl import scan_training
from ..corpus.seen import Seen
from ..corpus.types import Document, Span
from ..errors import Problem
from ..icd.systems import CodeSystem
from .annotations import excluding_pairs, odd_annotations, odd_code
from .findings import Finding, Survey, in_order
from .similar import Sketches

Key = TypeVar("Key", bound=Hashable)
_LINE_BITS = 48
"""A place is one number: that of a file, and below these bits that of a line."""
_UNLABELLED = 0


def check_files(
    paths: Sequence[Path],
    systems: Mapping[str, CodeSystem],
    group: re.Pattern[str] | None = None,
    similar: float = 0.8,
    tick: Callable[[], None] = lambda: None,
) -> Survey:
    """Read files of documents or spans and find what is wrong with each and between them.

    Each file is taken for a split: what two of them share is an error, since one of them may be evaluated on.
    About 200 bytes are kept of a document, 120 of one in a single file, and 60 of a span; 0.5 KB of what is
    found.

    Args:
        systems: name → code system; codes of other systems are not checked.
        group: what in a document's id names its group (its first group, else all that matches). Without it
            the key ``group`` of a document does.
        similar: share of 5-word runs from which documents of two files are similar; above 1 none are.
        tick: called for each record.

    Raises:
        UserError: a file can't be read.
    """
    checker = _Checker(paths, dict(systems), group, similar if len(paths) > 1 else None)
    records: dict[str, int] = {}
    for number, path in enumerate(paths):
        count = 0
        for line, record, problems in scan_training(path):
            tick()
            place = number << _LINE_BITS | line
            checker.findings += [Finding("malformed", problem) for problem in problems]
            count += record is not None
            if isinstance(record, Document) and not problems:
                checker.add_document(place, record)
            elif isinstance(record, Span):
                checker.add_span(place, record)
        if not count:
            checker.findings.append(Finding("malformed", Problem(str(path), "has no documents and no spans")))
        records[str(path)] = count
    return Survey(in_order(checker.finish()), records)


class _Checker:
    """What has to be remembered of what was read."""

    def __init__(
        self,
        paths: Sequence[Path],
        systems: dict[str, CodeSystem],
        group: re.Pattern[str] | None,
        similar: float | None,
    ) -> None:
        self.findings: list[Finding] = []
        self._paths, self._systems, self._group, self._similar = paths, systems, group, similar
        self._codes: dict[tuple[str, str], tuple[int, int]] = {}
        self._excluding: dict[str, tuple[int, int]] = {}
        self._ids, self._texts, self._groups = _FirstPlaces(), _FirstPlaces(), _FirstPlaces()
        self._split_groups: dict[tuple[str, int], tuple[int, int]] = {}
        self._text_codes = array("q")
        self._sketches = Sketches()
        self._span_words, self._spans = _FirstPlaces(), _FirstPlaces()

    def add_document(self, place: int, document: Document) -> None:
        """Check a document by itself and against those before it."""
        for kind, what, hint in self._alone(document):
            self._found(kind, place, what, hint)
        for annotation in document.annotations or ():
            _count(self._codes, (annotation.system, annotation.code), place)
        for pair in excluding_pairs(document):
            _count(self._excluding, f"codes {' and '.join(pair)} exclude each other", place)
        self._compare(place, document)
        first = self._ids.first(document.id, place)
        if _file(first) != _file(place):
            what = f"id '{document.id}' is also at {self._shown(first)}"
            self._found("same-id", place, what, "rename one of them")
        name = self._group_of(document)
        if name and _file(self._groups.first(name, place)) != _file(place):
            _count(self._split_groups, (name, _file(place)), place)

    def add_span(self, place: int, span: Span) -> None:
        """Check a span."""
        _count(self._codes, (span.system, span.code), place)
        words = f"{_file(place)}\n{span.system}\n{_plain(span.text)}"
        other = self._span_words.first(words, place)
        first = self._spans.first(f"{span.code}\n{words}", place)
        if first != place:
            self._found("repeated-span", place, f"has the words and the code of {self._shown(first)}", "")
        elif other != place:
            self._found("several-codes", place, f"its words have another code at {self._shown(other)}", "")

    def finish(self) -> Iterator[Finding]:
        """All findings, with those that need everything read."""
        yield from self.findings
        yield from self._odd_codes()
        for what, (place, times) in _most_first(self._excluding):
            yield Finding("excludes1", Problem(self._shown(place), what), times)
        for (name, _), (place, times) in self._split_groups.items():
            first = self._shown(self._groups.first(name, place))
            what = f"group '{name}' has {times} of its documents here, and others from {first} on"
            yield Finding("same-group", Problem(self._shown(place), what, "keep a group in one file"))
        if self._similar is not None:
            for one, other, share in self._sketches.similar(self._similar):
                what = f"is about {share:.0%} the same as {self._shown(one)}"
                yield Finding("similar-text", Problem(self._shown(other), what, "keep one of them"))

    @staticmethod
    def _alone(document: Document) -> Iterable[tuple[str, str, str]]:
        if not document.text.strip():
            yield "empty-text", f"document '{document.id}' has no text", "remove it"
        yield from odd_annotations(document)

    def _compare(self, place: int, document: Document) -> None:
        """Look for the same text; other texts are sketched, to look for similar ones."""
        text = _plain(document.text)
        if not text:
            return
        codes = _UNLABELLED
        if document.annotations is not None:
            codes = hash(frozenset(a.code for a in document.annotations)) or ~_UNLABELLED
        first = self._texts.first(text, place)
        if first == place:
            self._text_codes.append(codes)
            if self._similar is not None:
                self._sketches.add(text, _file(place), place)
            return
        kind = "repeated-text" if _file(first) == _file(place) else "same-text"
        self._found(kind, place, f"has the text of {self._shown(first)}", "keep one of them")
        others = self._text_codes[self._texts.number(text)]
        if _UNLABELLED not in (codes, others) and codes != others:
            what = f"has other codes than the same text at {self._shown(first)}"
            self._found("contradiction", place, what, "")

    def _group_of(self, document: Document) -> str:
        if self._group is not None:
            found = self._group.search(document.id)
            return (found[1] if found.re.groups else found[0]) or "" if found else ""
        value = (document.model_extra or {}).get("group")
        return str(value) if isinstance(value, str | int) else ""

    def _odd_codes(self) -> Iterator[Finding]:
        """What is odd about codes, the most frequent first; of a system that is not known, once."""
        found: dict[tuple[str, str, str], tuple[int, int]] = {}
        for (system, code), (place, times) in self._codes.items():
            for odd in odd_code(code, system, self._systems):
                _count(found, odd, place, times)
        for (kind, what, hint), (place, times) in _most_first(found):
            yield Finding(kind, Problem(self._shown(place), what, hint), times)

    def _found(self, kind: str, place: int, what: str, hint: str) -> None:
        self.findings.append(Finding(kind, Problem(self._shown(place), what, hint)))

    def _shown(self, place: int) -> str:
        return f"{self._paths[_file(place)]}:{place & ((1 << _LINE_BITS) - 1)}"


class _FirstPlaces(Seen):
    """Where each text was first seen, in about 24 bytes a text."""

    def __init__(self) -> None:
        super().__init__()
        self._places = array("Q")

    def first(self, text: str, place: int) -> int:
        """The first place of a text: the given one, if it is new."""
        number = self.number(text)
        if number == len(self._places):
            self._places.append(place)
        return self._places[number]


def _file(place: int) -> int:
    """The number of the file of a place."""
    return place >> _LINE_BITS


def _count(counts: dict[Key, tuple[int, int]], key: Key, place: int, times: int = 1) -> None:
    """Count what recurs; its first place is kept."""
    first, number = counts.get(key, (place, 0))
    counts[key] = (first, number + times)


def _most_first(counts: Mapping[Key, tuple[int, int]]) -> list[tuple[Key, tuple[int, int]]]:
    return sorted(counts.items(), key=lambda item: -item[1][1])


def _plain(text: str) -> str:
    """A text as far as it matters for being the same: case and white space aside."""
    return " ".join(text.lower().split())
