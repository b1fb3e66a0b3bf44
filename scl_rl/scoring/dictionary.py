"""Words looked up in what annotators marked: the verifier that spans give for free, and a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ..corpus.jsonl import read_documents, read_spans, read_training
from ..corpus.spans import spans_of
from ..corpus.types import (
    Annotation,
    Document,
    Fragment,
    PredictedCode,
    PredictedMention,
    Prediction,
    Span,
)
from .locate import fold
from .match import TOKEN

Words = tuple[str, ...]


class SpanDictionary:
    """The wordings of spans with the codes they stand for, compared by their folded ``\\w+`` tokens."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._codes: dict[Words, Counter[str]] = {}
        self._systems: dict[str, str] = {}
        for span in spans:
            if words := _words(span.evidence):
                self._codes.setdefault(words, Counter())[span.code] += 1
                self._systems.setdefault(span.code, span.system)

    def __len__(self) -> int:
        return len(self._codes)

    @cached_property
    def _longest(self) -> dict[str, int]:
        """First word → the most words of a wording that begins with it."""
        longest: dict[str, int] = {}
        for words in self._codes:
            longest[words[0]] = max(len(words), longest.get(words[0], 0))
        return longest

    def codes(self, quote: str) -> Counter[str]:
        """The codes that the words were marked with, with how often; empty for unknown words."""
        return self._codes.get(_words(quote), Counter())

    def implies(self, words: str, code: str, among: Sequence[str] = ()) -> bool:
        """Whether the words were ever marked with the code; a :class:`~.verify.Verifier`."""
        return code in self.codes(words)

    def matches(self, text: str, among: Iterable[str] | None = None) -> Iterator[tuple[Fragment, str]]:
        """Known wordings in a text, from left to right, none inside another, each with its code.

        Where several wordings begin at one word, the longest is taken; of a wording's codes, the one it was
        marked with most often (the first in the alphabet of those as often).

        Args:
            among: the codes to look for; all if absent.
        """
        allowed = None if among is None else set(among)
        tokens = [(match.span(), fold(match.group())) for match in TOKEN.finditer(text)]
        at = 0
        while at < len(tokens):
            found = self._longest_at(tokens, at, allowed)
            if found is None:
                at += 1
                continue
            length, code = found
            yield (tokens[at][0][0], tokens[at + length - 1][0][1]), code
            at += length

    def _longest_at(
        self, tokens: list[tuple[Fragment, str]], at: int, allowed: set[str] | None
    ) -> tuple[int, str] | None:
        most = min(self._longest.get(tokens[at][1], 0), len(tokens) - at)
        for length in range(most, 0, -1):
            marked: Counter[str] = self._codes.get(
                tuple(word for _, word in tokens[at : at + length]), Counter()
            )
            codes = [code for code in sorted(marked) if allowed is None or code in allowed]
            if codes:
                return length, max(codes, key=lambda code: marked[code])
        return None

    def annotate(self, document: Document, among: Iterable[str] | None = None) -> Document:
        """The document with the codes whose wordings stand in it, every place a mention of its code."""
        mentions: dict[str, list[list[Fragment]]] = {}
        for place, code in self.matches(document.text, among):
            mentions.setdefault(code, []).append([place])
        annotations = [
            Annotation(code=code, system=self._systems[code], mentions=places)
            for code, places in mentions.items()
        ]
        return document.model_copy(update={"annotations": annotations})


def _words(text: str) -> Words:
    return tuple(fold(match.group()) for match in TOKEN.finditer(text))


def dictionary_of(annotated: Path | None, spans: Path | None) -> SpanDictionary:
    """The dictionary of everything that was marked: spans, and the mentions of annotated documents."""
    marked = read_spans(spans) if spans else []
    marked += spans_of(read_documents(annotated), "annotated") if annotated else []
    return SpanDictionary(marked)


def dictionary_of_files(paths: Iterable[Path]) -> SpanDictionary:
    """The dictionary of files that each hold spans or annotated documents."""
    marked: list[Span] = []
    for path in paths:
        spans, documents = read_training(path)
        marked += [*spans, *spans_of(documents, "annotated")]
    return SpanDictionary(marked)


def prediction_of(found: Document) -> Prediction:
    """A document's annotations as a prediction."""
    codes = [
        PredictedCode(
            code=annotation.code,
            mentions=[
                PredictedMention(quotes=[found.text[s:e] for s, e in mention], fragments=mention)
                for mention in annotation.mentions or ()
            ],
        )
        for annotation in found.annotations or ()
    ]
    return Prediction(id=found.id, codes=codes)
