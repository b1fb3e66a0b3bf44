"""``scl-rl data check``: everything that is wrong with files that belong together, found in one reading."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from ..corpus.jsonl import scan_training
from ..corpus.types import Document, Span
from ..errors import Problem
from ..icd.systems import CodeSystem
from .annotations import excluding_pairs, odd_annotations, odd_code
from .findings import Finding, Survey, in_order
from .similar import Sketch, similar_pairs, sketch

Key = TypeVar("Key", bound=Hashable)
_Place = tuple[int, str]
"""The number of a file, and a line of it as it is shown."""


def check_files(
    paths: Sequence[Path],
    systems: Mapping[str, CodeSystem],
    group: re.Pattern[str] | None = None,
    similar: float = 0.8,
    tick: Callable[[], None] = lambda: None,
) -> Survey:
    """Read files of documents or spans and find what is wrong with each and between them.

    Each file is taken for a split: what two of them share is an error, since one of them may be evaluated on.
    Of a document some numbers are kept, about 1.2 KB.

    Args:
        systems: name → code system; codes of other systems are not checked.
        group: what in a document's id names its group (its first group, else all that matches). Without it
            the key ``group`` of a document does.
        similar: share of 5-word runs from which documents are similar; above 1 nothing is.
        tick: called for each record.

    Raises:
        UserError: a file can't be read.
    """
    checker = _Checker(dict(systems), group, similar)
    records: dict[str, int] = {}
    for number, path in enumerate(paths):
        count = 0
        for line, record, problems in scan_training(path):
            tick()
            place = (number, f"{path}:{line}")
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

    def __init__(self, systems: dict[str, CodeSystem], group: re.Pattern[str] | None, similar: float) -> None:
        self.findings: list[Finding] = []
        self._systems, self._group, self._similar = systems, group, similar
        self._codes: dict[tuple[str, str], tuple[str, int]] = {}
        self._ids: dict[str, _Place] = {}
        self._groups: dict[str, dict[int, tuple[str, int]]] = defaultdict(dict)
        self._texts: dict[bytes, tuple[_Place, int | None]] = {}
        self._sketches: list[Sketch | None] = []
        self._places: list[_Place] = []
        self._spans: dict[tuple[int, str], dict[tuple[str, str], str]] = defaultdict(dict)
        self._excluding: dict[str, tuple[str, int]] = {}

    def add_document(self, place: _Place, document: Document) -> None:
        """Check a document by itself and against those before it."""
        file, where = place
        for kind, what, hint in self._alone(document):
            self._found(kind, where, what, hint)
        for annotation in document.annotations or ():
            _count(self._codes, (annotation.system, annotation.code), where)
        for pair in excluding_pairs(document):
            _count(self._excluding, f"codes {' and '.join(pair)} exclude each other", where)
        self._compare(place, document)
        first, line = self._ids.setdefault(document.id, place)
        if first != file:
            self._found("same-id", where, f"id '{document.id}' is also at {line}", "rename one of them")
        if name := self._group_of(document):
            _count(self._groups[name], file, where)

    def add_span(self, place: _Place, span: Span) -> None:
        """Check a span."""
        file, where = place
        _count(self._codes, (span.system, span.code), where)
        known = self._spans[file, _plain(span.text)]
        if (span.system, span.code) in known:
            first = known[span.system, span.code]
            self._found("repeated-span", where, f"has the words and the code of {first}", "")
        elif other := next((line for (system, _), line in known.items() if system == span.system), ""):
            self._found("several-codes", where, f"its words have another code at {other}", "")
        known.setdefault((span.system, span.code), where)

    def finish(self) -> Iterator[Finding]:
        """All findings, with those that need everything read."""
        yield from self.findings
        yield from self._odd_codes()
        for what, (where, times) in _most_first(self._excluding):
            yield Finding("excludes1", Problem(where, what), times)
        for name, files in self._groups.items():
            (first, _), *others = files.values()
            for where, times in others:
                what = f"group '{name}' has {times} of its documents here, and others from {first} on"
                yield Finding("same-group", Problem(where, what, "keep a group in one file"))
        splits = [file for file, _ in self._places]
        if self._similar <= 1 and len(set(splits)) > 1:
            for one, other, share in similar_pairs(self._sketches, splits, self._similar):
                what = f"is about {share:.0%} the same as {self._places[one][1]}"
                yield Finding("similar-text", Problem(self._places[other][1], what, "keep one of them"))

    @staticmethod
    def _alone(document: Document) -> Iterable[tuple[str, str, str]]:
        if not document.text.strip():
            yield "empty-text", f"document '{document.id}' has no text", "remove it"
        yield from odd_annotations(document)

    def _compare(self, place: _Place, document: Document) -> None:
        """Look for the same text; other texts are sketched, to look for similar ones."""
        text = _plain(document.text)
        if not text:
            return
        codes = (
            None if document.annotations is None else hash(frozenset(a.code for a in document.annotations))
        )
        digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        if digest in self._texts:
            (first, line), others = self._texts[digest]
            kind = "repeated-text" if first == place[0] else "same-text"
            self._found(kind, place[1], f"has the text of {line}", "keep one of them")
            if codes is not None and others is not None and codes != others:
                self._found("contradiction", place[1], f"has other codes than the same text at {line}", "")
            return
        self._texts[digest] = (place, codes)
        self._places.append(place)
        self._sketches.append(sketch(text) if self._similar <= 1 else None)

    def _group_of(self, document: Document) -> str:
        if self._group is not None:
            found = self._group.search(document.id)
            return (found[1] if found.re.groups else found[0]) or "" if found else ""
        value = (document.model_extra or {}).get("group")
        return str(value) if isinstance(value, str | int) else ""

    def _odd_codes(self) -> Iterator[Finding]:
        """What is odd about codes, the most frequent first; of a system that is not known, once."""
        found: dict[tuple[str, str, str], tuple[str, int]] = {}
        for (system, code), (where, times) in self._codes.items():
            for odd in odd_code(code, system, self._systems):
                _count(found, odd, where, times)
        for (kind, what, hint), (where, times) in _most_first(found):
            yield Finding(kind, Problem(where, what, hint), times)

    def _found(self, kind: str, where: str, what: str, hint: str) -> None:
        self.findings.append(Finding(kind, Problem(where, what, hint)))


def _count(counts: dict[Key, tuple[str, int]], key: Key, where: str, times: int = 1) -> None:
    """Count what recurs; its first place is kept."""
    first, number = counts.get(key, (where, 0))
    counts[key] = (first, number + times)


def _most_first(counts: Mapping[Key, tuple[str, int]]) -> list[tuple[Key, tuple[str, int]]]:
    return sorted(counts.items(), key=lambda item: -item[1][1])


def _plain(text: str) -> str:
    """A text as far as it matters for being the same: case and white space aside."""
    return " ".join(text.lower().split())
