"""The one answer to "is this code properly cited?". Metrics, rewards and reports all ask here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..answer.grammar import Answer, AnswerLine, Quote, QuotedMention
from ..corpus.types import Annotation, Document, Fragment, PredictedCode, PredictedMention, Prediction
from .locate import TextIndex
from .match import CITED_AT, Match, TokenIndex, agreement


@dataclass(frozen=True)
class CodeVerdict:
    """What a document says of one predicted code.

    ``overlaps`` has, for each cited mention, its best overlap in [0, 1] with a gold mention of the code
    (0 where the quote was not located or the code is not in gold).
    """

    code: str
    in_gold: bool
    overlaps: tuple[float, ...]

    @property
    def best(self) -> float:
        """The best overlap of any cited mention."""
        return max(self.overlaps, default=0.0)

    @property
    def cited(self) -> bool:
        """In the gold codes, and at least one cited mention matches a gold mention of the code."""
        return self.in_gold and self.best >= CITED_AT


class GoldDocument:
    """A labelled document made ready for judging many answers.

    Annotations of the same code are taken together. A code whose evidence was never annotated
    (``mentions: null``) is in ``codes`` but can't be cited.
    """

    def __init__(self, text: str, annotations: Iterable[Annotation]) -> None:
        self.text = text
        self.mentions: dict[str, list[tuple[Fragment, ...]]] = {}
        self.has_evidence = True
        self.judged: dict[Any, Any] = {}  # what account() knows of mentions quoted before
        for annotation in annotations:
            known = self.mentions.setdefault(annotation.code, [])
            if annotation.mentions is None:
                self.has_evidence = False
            else:
                known += [tuple(mention) for mention in annotation.mentions]

    @classmethod
    def of(cls, document: Document) -> GoldDocument:
        """The gold side of a document (no annotations at all counts as no codes)."""
        return cls(document.text, document.annotations or ())

    @cached_property
    def index(self) -> TextIndex:
        """Where the text's words stand."""
        return TextIndex(self.text)

    @cached_property
    def tokens(self) -> TokenIndex:
        """The text's tokens."""
        return TokenIndex(self.text)

    @cached_property
    def _touched(self) -> dict[str, list[frozenset[int]]]:
        return {code: [self.tokens.touched(m) for m in mentions] for code, mentions in self.mentions.items()}

    @cached_property
    def _anywhere(self) -> dict[str, dict[tuple[Fragment, ...], frozenset[int]]]:
        """For each code, every place where the words of a gold mention stand, with the tokens there."""
        return {
            code: {p: self.tokens.touched(p) for mention in mentions for p in self.places(mention)}
            for code, mentions in self.mentions.items()
        }

    def locate(self, mention: QuotedMention) -> tuple[Fragment, ...] | None:
        """The fragments that a quoted mention names, or None if one of its quotes is not in the text."""
        fragments: list[Fragment] = []
        for quote in mention:
            fragment = self.index.locate(quote.text, quote.occurrence)
            if fragment is None:
                return None
            fragments.append(fragment)
        return tuple(fragments)

    def places(self, mention: Sequence[Fragment]) -> list[tuple[Fragment, ...]]:
        """The mention itself and every other place where its words stand.

        The first fragment goes through its occurrences; each further one is taken where its words
        stand nearest to it.
        """
        first, *rest = [list(self.index.occurrences(self.text[s:e])) or [(s, e)] for s, e in mention]
        moved = [(place, *(_nearest(place, others) for others in rest)) for place in first]
        return [tuple(mention), *moved]

    def overlap(
        self,
        code: str,
        mention: Sequence[Fragment],
        anywhere: bool = False,
        match: Match = "overlap",
    ) -> float:
        """The best overlap in [0, 1] of a located mention with a gold mention of the code.

        ``anywhere`` lets both sides stand for every place where their words occur. ``match`` counts
        another agreement than overlap.
        """
        if tuple(mention) in self.mentions.get(code, ()):
            return 1.0
        if not anywhere:
            touched = self.tokens.touched(mention)
            return max((agreement(touched, g, match) for g in self._touched.get(code, ())), default=0.0)
        golds = self._anywhere.get(code)
        if not golds:
            return 0.0
        by_token: dict[int, list[frozenset[int]]] = {}
        for gold in golds.values():
            for token in gold:
                by_token.setdefault(token, []).append(gold)
        best = 0.0
        for place in self.places(mention):
            if place in golds:
                return 1.0
            touched = self.tokens.touched(place)
            near = {gold for token in touched for gold in by_token.get(token, ())}
            best = max([best, *(agreement(touched, gold, match) for gold in near)])
        return best

    def verdict(
        self, code: str, mentions: Iterable[Sequence[Fragment] | None], anywhere: bool = False
    ) -> CodeVerdict:
        """Judge one predicted code with its cited mentions (None = not located)."""
        in_gold = code in self.mentions
        overlaps = tuple(
            self.overlap(code, mention, anywhere) if mention and in_gold else 0.0 for mention in mentions
        )
        return CodeVerdict(code, in_gold, overlaps)

    def predict(self, document_id: str, answer: Answer) -> Prediction:
        """An answer as a prediction: quotes located, lines of the same code taken together."""
        codes = []
        for code, quoted in answer.by_code().items():
            mentions = []
            for mention in dict.fromkeys(quoted):
                located = self.locate(mention)
                fragments = None if located is None else list(located)
                mentions.append(PredictedMention(quotes=[q.text for q in mention], fragments=fragments))
            codes.append(PredictedCode(code=code, mentions=mentions))
        return Prediction(id=document_id, codes=codes, malformed=len(answer.malformed))

    def gold_answer(self) -> Answer:
        """The answer that cites every gold mention, codes in order of their first mention in the text.

        Mentions that are nothing but white space can't be quoted and are left out.
        """
        lines: list[tuple[int, AnswerLine]] = []
        for code, mentions in self.mentions.items():
            quoted = [q for q in map(self._quote, mentions) if q is not None]
            if quoted:
                first = min(start for mention in mentions for start, _ in mention)
                lines.append((first, AnswerLine(code, tuple(dict.fromkeys(quoted)))))
        return Answer(tuple(line for _, line in sorted(lines, key=lambda item: item[0])))

    def _quote(self, mention: Sequence[Fragment]) -> QuotedMention | None:
        quotes = [self.index.quote(fragment) for fragment in mention]
        known = [Quote(*quote) for quote in quotes if quote is not None]
        return tuple(known) if len(known) == len(quotes) else None


def _nearest(place: Fragment, others: list[Fragment]) -> Fragment:
    """Of places in order, the one that starts nearest to a place; the earlier of two as near."""
    at = bisect_left(others, place)
    return min(others[max(0, at - 1) : at + 1], key=lambda other: abs(other[0] - place[0]))
