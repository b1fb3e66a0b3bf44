"""One answer against one document, in full: what rewards, their bench and training's figures are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from ..answer.grammar import Answer, QuotedMention
from ..corpus.types import Fragment
from .judge import CodeVerdict, GoldDocument
from .match import Match

Occurrence = Literal["given", "any"]
Verdict = Literal["cited", "wrong evidence", "not located", "wrong code", "no gold evidence"]


@dataclass(frozen=True, slots=True)
class MentionAccount:
    """A mention as the answer quotes it, and what the document says of it.

    ``fragments`` is None where a quote is not in the text. ``overlap`` in [0, 1] is the best with a gold
    mention of the code. ``torn``: it begins or ends inside a word and is no gold mention.
    """

    quoted: QuotedMention
    fragments: tuple[Fragment, ...] | None
    overlap: float
    torn: bool


@dataclass(frozen=True, slots=True)
class CodeAccount:
    """A predicted code, its lines taken together. ``located``: how many of its mentions are in the text."""

    judged: CodeVerdict
    lines: int
    gold_mentions: int
    mentions: tuple[MentionAccount, ...]
    located: int

    @property
    def code(self) -> str:
        """The code itself."""
        return self.judged.code

    @property
    def verdict(self) -> Verdict:
        """What became of it, in a word or two."""
        if not self.judged.in_gold:
            return "wrong code"
        if self.judged.cited:
            return "cited"
        if not self.gold_mentions:
            return "no gold evidence"
        return "wrong evidence" if self.located else "not located"


@dataclass(frozen=True, slots=True)
class Account:
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
    codes: tuple[CodeAccount, ...]

    @property
    def duplicates(self) -> int:
        """Lines of a code that had a line before."""
        return self.lines - len(self.codes)

    @property
    def right(self) -> int:
        """Predicted codes that are in gold."""
        return sum([code.judged.in_gold for code in self.codes])

    @property
    def cited(self) -> int:
        """Predicted codes that are cited."""
        return sum([code.judged.cited for code in self.codes])

    @property
    def mentions(self) -> int:
        """Mentions quoted, repeated ones too."""
        return sum([len(code.mentions) for code in self.codes])

    @property
    def located(self) -> int:
        """Mentions that are in the text."""
        return sum([code.located for code in self.codes])

    def in_words(self) -> str:
        """Each code with its verdict and quotes, on one line. It holds what the model quoted."""
        return "; ".join(
            f"{code.code} {code.verdict} {', '.join(_words(mention.quoted) for mention in code.mentions)}"
            for code in self.codes
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the counts, and for each code its verdict, best overlap and quotes."""
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
                    "verdict": code.verdict,
                    "overlap": code.judged.best,
                    "mentions": [
                        {
                            "quotes": [quote.text for quote in mention.quoted],
                            "fragments": mention.fragments and [list(f) for f in mention.fragments],
                            "overlap": mention.overlap,
                        }
                        for mention in code.mentions
                    ],
                }
                for code in self.codes
            ],
        }


def account(
    answer: Answer, gold: GoldDocument, *, occurrence: Occurrence = "given", match: Match = "overlap"
) -> Account:
    """Judge an answer.

    Args:
        occurrence: ``any`` lets a mention stand for every place where its words occur.
        match: how a mention may agree with a gold mention.
    """
    anywhere = occurrence == "any"
    codes = []
    lines = Counter([line.code for line in answer.lines])
    for code, quoted in answer.by_code().items():
        mentions = tuple([_mention(gold, code, mention, anywhere, match) for mention in quoted])
        overlaps = tuple([mention.overlap for mention in mentions])
        judged = CodeVerdict(code, code in gold.mentions, overlaps)
        located = sum([mention.fragments is not None for mention in mentions])
        codes.append(CodeAccount(judged, lines[code], len(gold.mentions.get(code, ())), mentions, located))
    return Account(
        len(gold.mentions), gold.has_evidence, len(answer.lines), len(answer.malformed), tuple(codes)
    )


def _mention(
    gold: GoldDocument, code: str, quoted: QuotedMention, anywhere: bool, match: Match
) -> MentionAccount:
    """The account of one mention; the completions of a group cite the same words again and again."""
    known = gold.judged
    key = (code, quoted, anywhere, match)
    found = known.get(key)
    if found is None:
        if len(known) >= _KEPT:
            known.clear()
        found = known[key] = _judge(gold, code, quoted, anywhere, match)
    return found


_KEPT = 20_000  # accounts of mentions kept for a document


def _judge(
    gold: GoldDocument, code: str, quoted: QuotedMention, anywhere: bool, match: Match
) -> MentionAccount:
    fragments = gold.locate(quoted)
    if fragments is None:
        return MentionAccount(quoted, None, 0.0, torn=False)
    golds = gold.mentions.get(code, ())
    overlap = gold.overlap(code, fragments, anywhere, match) if golds else 0.0
    torn = fragments not in golds and gold.tokens.torn(fragments)
    return MentionAccount(quoted, fragments, overlap, torn)


def _words(mention: QuotedMention) -> str:
    return " + ".join(f'"{q.text}"' if q.occurrence == 1 else f'"{q.text}"#{q.occurrence}' for q in mention)
