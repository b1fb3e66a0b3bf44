"""The text of a note, made ready for finding what answers quote from it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

from ..answer.grammar import Answer, AnswerLine, Quote, QuotedMention
from ..corpus.types import Fragment, PredictedCode, PredictedMention, Prediction
from .locate import TextIndex, misquotes
from .match import TokenIndex


class NoteText:
    """A text in which mentions are located, with or without gold (:class:`.gold.GoldDocument` has gold)."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def index(self) -> TextIndex:
        """Where the text's words stand."""
        return TextIndex(self.text)

    @cached_property
    def tokens(self) -> TokenIndex:
        """The text's tokens."""
        return TokenIndex(self.text)

    def locate(self, mention: QuotedMention) -> tuple[Fragment, ...] | None:
        """The fragments that a quoted mention names, or None if one of its quotes is not in the text."""
        fragments: list[Fragment] = []
        for quote in mention:
            fragment = self.index.locate(quote.text, quote.occurrence)
            if fragment is None:
                return None
            fragments.append(fragment)
        return tuple(fragments)

    def quote(self, mention: Sequence[Fragment]) -> QuotedMention | None:
        """The quotes that name a mention, or None if one of its fragments holds only white space.

        The inverse of :meth:`locate`.
        """
        quotes = [self.index.quote(fragment) for fragment in mention]
        named = [Quote(*quote) for quote in quotes if quote is not None]
        return tuple(named) if len(named) == len(quotes) else None

    def places(self, mention: Sequence[Fragment]) -> list[tuple[Fragment, ...]]:
        """The mention itself and every other place where its words stand.

        The first fragment goes through its occurrences; each further one is taken where its words
        stand nearest to it.
        """
        first, *rest = [list(self.index.occurrences(self.text[s:e])) or [(s, e)] for s, e in mention]
        moved = [(place, *(_nearest(place, others) for others in rest)) for place in first]
        return [tuple(mention), *moved]

    def answer(self, prediction: Prediction) -> Answer:
        """The answer that gives a prediction: the inverse of :meth:`predict`, but for lines that it lost.

        A mention whose quotes are not what stands at its fragments is quoted as it is.
        """
        lines = []
        for code in prediction.codes:
            mentions: list[QuotedMention] = []
            for mention in code.mentions:
                true = mention.fragments and not misquotes(self.text, mention)
                named = self.quote(mention.fragments or ()) if true else None
                mentions.append(named or tuple(map(Quote, mention.quotes)))
            lines.append(AnswerLine(code.code, tuple(mentions)))
        return Answer(tuple(lines))

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


def _nearest(place: Fragment, others: list[Fragment]) -> Fragment:
    """Of places in order, the one that starts nearest to a place; the earlier of two as near."""
    at = bisect_left(others, place)
    return min(others[max(0, at - 1) : at + 1], key=lambda other: abs(other[0] - place[0]))
