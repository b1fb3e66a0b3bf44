"""One answer against one document, in full: what rewards, their bench and training's figures are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..answer.grammar import Answer, Quote, QuotedMention
from ..corpus.types import Fragment, PredictedCode, Prediction
from .citation import CodeVerdict
from .gold import GoldDocument
from .match import Match

Occurrence = Literal["given", "any"]
Outcome = Literal["cited", "wrong evidence", "not located", "wrong code", "no gold evidence"]


class ScoredMention(NamedTuple):
    """A mention as the answer quotes it, and what the document says of it.

    ``fragments`` is None where a quote is not in the text. ``overlap`` in [0, 1] is the best with a gold
    mention of the code. ``torn``: it begins or ends inside a word and is no gold mention.
    """

    quoted: QuotedMention
    fragments: tuple[Fragment, ...] | None
    overlap: float
    torn: bool


@dataclass(frozen=True, slots=True)
class ScoredCode:
    """A predicted code, its lines taken together. ``located``: how many of its mentions are in the text."""

    verdict: CodeVerdict
    lines: int
    gold_mentions: int
    mentions: tuple[ScoredMention, ...]
    located: int

    @property
    def code(self) -> str:
        """The code itself."""
        return self.verdict.code

    @property
    def outcome(self) -> Outcome:
        """What became of it, in a word or two."""
        if not self.verdict.in_gold:
            return "wrong code"
        if self.verdict.cited:
            return "cited"
        if not self.gold_mentions:
            return "no gold evidence"
        return "wrong evidence" if self.located else "not located"


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """An answer: its lines, and each of its codes.

    Attributes:
        gold: how many codes the document has.
        has_evidence: whether all of them have annotated evidence; if not, nothing can be said of citing.
        lines, malformed: how many lines could be read, and how many not.
        codes: the predicted codes in the order of their first line.
    """

    gold: int
    has_evidence: bool
    lines: int
    malformed: int
    codes: tuple[ScoredCode, ...]

    @property
    def duplicates(self) -> int:
        """Lines of a code that had a line before."""
        return self.lines - len(self.codes)

    @property
    def right(self) -> int:
        """Predicted codes that are in gold."""
        return sum([code.verdict.in_gold for code in self.codes])

    @property
    def cited(self) -> int:
        """Predicted codes that are cited."""
        return sum([code.verdict.cited for code in self.codes])

    @property
    def supported(self) -> int:
        """Predicted codes that are supported by the rule that was asked for; by default the cited ones."""
        return sum([code.verdict.supported for code in self.codes])

    @property
    def mentions(self) -> int:
        """Mentions quoted, repeated ones too."""
        return sum([len(code.mentions) for code in self.codes])

    @property
    def located(self) -> int:
        """Mentions that are in the text."""
        return sum([code.located for code in self.codes])

    def describe(self) -> str:
        """Each code with its outcome and quotes, on one line. It holds what the model quoted."""
        return "; ".join(
            f"{code.code} {_outcome(code)} {', '.join(_words(mention.quoted) for mention in code.mentions)}"
            for code in self.codes
        )

    def as_dict(self, show_notes: bool = False) -> dict[str, Any]:
        """For JSON: the counts, and for each code its outcome and its mentions.

        Args:
            show_notes: with what each mention quotes, which is words of the note.
        """
        return {
            "gold": self.gold,
            "lines": self.lines,
            "malformed": self.malformed,
            "duplicates": self.duplicates,
            "predicted": len(self.codes),
            "right": self.right,
            "cited": self.cited,
            "mentions": self.mentions,
            "located": self.located,
            "codes": [
                {
                    "code": code.code,
                    "verdict": code.outcome,
                    "overlap": code.verdict.best,
                    "mentions": [
                        {
                            **({"quotes": [quote.text for quote in mention.quoted]} if show_notes else {}),
                            "fragments": mention.fragments and [list(f) for f in mention.fragments],
                            "overlap": mention.overlap,
                        }
                        for mention in code.mentions
                    ],
                }
                for code in self.codes
            ],
        }


def score_answer(
    answer: Answer, gold: GoldDocument, *, occurrence: Occurrence = "given", match: Match = "overlap"
) -> AnswerScore:
    """Score an answer against a document.

    Args:
        occurrence: ``any`` lets a mention stand for every place where its words occur.
        match: how a mention may match a gold mention. Both say which codes are ``supported``; which are
            ``cited`` doesn't depend on them.
    """
    lines = Counter([line.code for line in answer.lines])
    codes = [
        _scored(gold, code, lines[code], quoted, [gold.locate(m) for m in quoted], occurrence == "any", match)
        for code, quoted in answer.by_code().items()
    ]
    return AnswerScore(
        len(gold.mentions), gold.has_evidence, len(answer.lines), len(answer.malformed), tuple(codes)
    )


def score_prediction(prediction: Prediction, gold: GoldDocument) -> AnswerScore:
    """Score a prediction, whose mentions stand where it says, whatever it quotes there.

    Its entries of the same code are taken together, and count as lines. The occurrence of a quote is in its
    fragments: the quotes of the result say nothing of it.
    """
    entries: dict[str, list[PredictedCode]] = {}
    for entry in prediction.codes:
        entries.setdefault(entry.code, []).append(entry)
    codes = []
    for code, same in entries.items():
        cited = [mention for entry in same for mention in entry.mentions]
        quoted = [tuple([Quote(quote) for quote in mention.quotes]) for mention in cited]
        places = [tuple(mention.fragments) if mention.fragments else None for mention in cited]
        codes.append(_scored(gold, code, len(same), quoted, places))
    return AnswerScore(
        len(gold.mentions), gold.has_evidence, len(prediction.codes), prediction.malformed, tuple(codes)
    )


def _scored(
    gold: GoldDocument,
    code: str,
    lines: int,
    quoted: Sequence[QuotedMention],
    places: Sequence[tuple[Fragment, ...] | None],
    anywhere: bool = False,
    match: Match = "overlap",
) -> ScoredCode:
    verdict = gold.verdict(code, places, anywhere, match)
    mentions = [
        ScoredMention(mention, place, overlap, place is not None and gold.torn(code, place))
        for mention, place, overlap in zip(quoted, places, verdict.overlaps, strict=True)
    ]
    located = len(places) - places.count(None)
    return ScoredCode(verdict, lines, len(gold.mentions.get(code, ())), tuple(mentions), located)


def _outcome(code: ScoredCode) -> str:
    """The outcome, with what the rule that was asked for makes of it where that is something else."""
    if code.verdict.cited == code.verdict.supported:
        return code.outcome
    return f"{code.outcome} ({'counted' if code.verdict.supported else 'not counted'})"


def _words(mention: QuotedMention) -> str:
    return " + ".join(f'"{q.text}"' if q.occurrence == 1 else f'"{q.text}"#{q.occurrence}' for q in mention)
