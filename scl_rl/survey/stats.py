"""``scl-rl data stats``: what is in files of documents and spans."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..corpus.jsonl import scan_training
from ..corpus.types import Document, Span
from ..errors import UserError
from ..scoring.locate import TextIndex, fold

BINS = ((1, 1), (2, 5), (6, 10), (11, 50), (51, None))
"""Codes by how many documents, or spans, of a file have them."""

Count = Callable[[str], int]


def stats_of_files(
    paths: Sequence[Path], count_tokens: Count | None = None, tick: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Figures of each file, and of the codes and wordings that later files have and the first hasn't.

    The first file is taken for the training set.

    Args:
        count_tokens: the number of a text's tokens; without it none are counted.
        tick: called for each record.

    Returns:
        ``{"files": {path: {...}}}``; lengths are ``{"mean", "median", "p90", "max", "total"}``.

    Raises:
        UserError: a file can't be read or has a malformed line.
    """
    collected = {}
    for path in paths:
        stats = collected[str(path)] = _Stats(count_tokens)
        for _, record, problems in scan_training(path):
            if problems:
                raise UserError(*problems)
            tick()
            if isinstance(record, Document):
                stats.add_document(record)
            elif isinstance(record, Span):
                stats.add_span(record)
    first = next(iter(collected.values()), None)
    return {
        "files": {
            name: {**stats.figures(), **({} if stats is first else {"unseen": stats.unseen(first)})}
            for name, stats in collected.items()
        }
    }


@dataclass
class _Stats:
    """Counts of one file. What they take grows with its distinct wordings, about 0.4 KB each, and ids."""

    count_tokens: Count | None
    kinds: Counter[str] = field(default_factory=Counter)
    characters: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)
    codes_each: Counter[int] = field(default_factory=Counter)
    words_each: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    systems: Counter[str] = field(default_factory=Counter)
    mentions: Counter[str] = field(default_factory=Counter)
    wordings: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add_document(self, document: Document) -> None:
        """Count a document, its codes and their mentions."""
        self._add_text(document.text)
        annotations = document.annotations
        if annotations is None:
            self.kinds["unlabelled"] += 1
            return
        self.kinds["code_only" if any(a.mentions is None for a in annotations) else "annotated"] += 1
        self.codes_each[len(annotations)] += 1
        index = TextIndex(document.text)
        for annotation in annotations:
            self.codes[annotation.code] += 1
            self.systems[annotation.system] += 1
            for mention in annotation.mentions or ():
                self._add_mention(index, annotation.code, mention)

    def add_span(self, span: Span) -> None:
        """Count a span."""
        self._add_text(span.text)
        self.kinds["spans"] += 1
        self.codes[span.code] += 1
        self.systems[span.system] += 1
        self._add_wording(span.text, span.code)

    def _add_text(self, text: str) -> None:
        self.characters[len(text)] += 1
        if self.count_tokens is not None:
            self.tokens[self.count_tokens(text)] += 1

    def _add_mention(self, index: TextIndex, code: str, mention: Sequence[tuple[int, int]]) -> None:
        words = [index.text[start:end] for start, end in mention]
        self.mentions["all"] += 1
        self._add_wording(" ".join(words), code)
        if len(mention) > 1:
            self.mentions["discontinuous"] += 1
            return
        places = index.occurrences(words[0])
        next(places, None)
        self.mentions["contiguous"] += 1
        self.mentions["recurring"] += next(places, None) is not None

    def _add_wording(self, words: str, code: str) -> None:
        plain = " ".join(fold(words).split())
        self.words_each[len(plain.split())] += 1
        self.wordings[plain][code] += 1

    def figures(self) -> dict[str, Any]:
        """All figures of the file by itself."""
        return {
            "records": dict(self.kinds),
            "characters": _lengths(self.characters),
            **({"tokens": _lengths(self.tokens)} if self.count_tokens else {}),
            "systems": dict(self.systems),
            "codes": {
                "distinct": len(self.codes),
                "annotations": self.codes.total(),
                "per_document": _lengths(self.codes_each),
                "by_frequency": list(self._bins()),
            },
            "mentions": {
                "number": self.mentions["all"],
                "discontinuous": self.mentions["discontinuous"],
                "words": _lengths(self.words_each),
                "recurring": _share(self.mentions["recurring"], self.mentions["contiguous"]),
            },
            "wordings": self._ambiguity(),
        }

    def _bins(self) -> Iterator[dict[str, Any]]:
        for low, high in BINS:
            inside = [n for n in self.codes.values() if n >= low and (high is None or n <= high)]
            share = _share(sum(inside), self.codes.total())
            yield {"from": low, "to": high, "codes": len(inside), "share_of_annotations": share}

    def _ambiguity(self) -> dict[str, Any]:
        """How surely words tell their code: the best that anyone could do who sees nothing but them."""
        several = [counts for counts in self.wordings.values() if len(counts) > 1]
        best = sum(max(counts.values()) for counts in self.wordings.values())
        uses = sum(counts.total() for counts in self.wordings.values())
        return {
            "distinct": len(self.wordings),
            "of_several_codes": _share(len(several), len(self.wordings)),
            "uses_of_several_codes": _share(sum(counts.total() for counts in several), uses),
            "best_guess": _share(best, uses),
        }

    def unseen(self, training: _Stats | None) -> dict[str, Any]:
        """Codes and wordings that a training file doesn't have."""
        if training is None:
            return {}
        codes = [code for code in self.codes if code not in training.codes]
        uses = sum(counts.total() for counts in self.wordings.values())
        new = sum(c.total() for words, c in self.wordings.items() if words not in training.wordings)
        return {
            "codes": len(codes),
            "share_of_codes": _share(len(codes), len(self.codes)),
            "share_of_annotations": _share(sum(self.codes[code] for code in codes), self.codes.total()),
            "share_of_mentions_in_unseen_words": _share(new, uses),
        }


def _lengths(counts: Counter[int]) -> Mapping[str, float | int] | None:
    """Figures of lengths, each given with how often it occurs."""
    if not counts:
        return None
    lengths, number = sorted(counts), counts.total()
    up_to = list(accumulate(counts[length] for length in lengths))
    total = sum(length * times for length, times in counts.items())
    return {
        "mean": total / number,
        "median": lengths[bisect_right(up_to, (number - 1) // 2)],
        "p90": lengths[bisect_right(up_to, -(-9 * number // 10) - 1)],
        "max": lengths[-1],
        "total": total,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
