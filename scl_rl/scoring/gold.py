"""A labelled note: what answers to it are judged against. Metrics, rewards and reports all ask here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from ..answer.grammar import Answer, AnswerLine, QuotedMention
from ..corpus.types import Annotation, Document, Fragment
from .citation import CodeVerdict
from .match import Match, agreement
from .note import NoteText

_KEPT = 20_000  # agreements of mentions kept for a document


class GoldDocument(NoteText):
    """A note with its gold, made ready for judging many answers.

    Annotations of the same code are taken together. A code whose evidence was never annotated
    (``mentions: null``) is in ``mentions``, without any, and can't be cited.

    Attributes:
        text: the note.
        mentions: gold code → its gold mentions.
        has_evidence: whether the evidence of every code was annotated.
    """

    def __init__(self, text: str, annotations: Iterable[Annotation]) -> None:
        super().__init__(text)
        self.mentions: dict[str, list[tuple[Fragment, ...]]] = {}
        self.has_evidence = True
        self._known: dict[tuple[str, tuple[Fragment, ...], bool, Match], float] = {}
        for annotation in annotations:
            mentions = self.mentions.setdefault(annotation.code, [])
            if annotation.mentions is None:
                self.has_evidence = False
            else:
                mentions += [tuple(mention) for mention in annotation.mentions]

    @classmethod
    def of(cls, document: Document) -> GoldDocument:
        """The gold side of a document (no annotations at all counts as no codes)."""
        return cls(document.text, document.annotations or ())

    def verdict(
        self,
        code: str,
        mentions: Iterable[Sequence[Fragment] | None],
        anywhere: bool = False,
        match: Match = "overlap",
    ) -> CodeVerdict:
        """Judge one predicted code with its mentions: the one answer to "is this code properly cited?".

        Args:
            mentions: where they stand; None = not located.
            anywhere: for ``supported``, let mentions stand for every place where their words occur.
            match: for ``supported``, how a mention may match a gold mention.
        """
        in_gold = code in self.mentions
        places = [tuple(mention) if mention and in_gold else None for mention in mentions]
        overlaps = tuple([self._agreement(code, place) if place else 0.0 for place in places])
        if not anywhere and match == "overlap":
            return CodeVerdict(code, in_gold, overlaps, overlaps)
        agreements = tuple([self._agreement(code, p, anywhere, match) if p else 0.0 for p in places])
        return CodeVerdict(code, in_gold, overlaps, agreements)

    def overlap(self, code: str, mention: Sequence[Fragment], anywhere: bool = False) -> float:
        """The best overlap in [0, 1] of a located mention with a gold mention of the code.

        Args:
            anywhere: let both stand for every place where their words occur.
        """
        return self._best_agreement(code, tuple(mention), anywhere, "overlap")

    def torn(self, code: str, mention: tuple[Fragment, ...]) -> bool:
        """Whether a mention begins or ends inside a word and is no gold mention of the code."""
        return mention not in self.mentions.get(code, ()) and self.tokens.torn(mention)

    def gold_answer(self) -> Answer:
        """The answer that cites every gold mention, codes in order of their first mention in the text.

        Mentions that are nothing but white space can't be quoted and are left out.
        """
        lines: list[tuple[int, AnswerLine]] = []
        for code, mentions in self.mentions.items():
            quoted: list[QuotedMention] = [q for q in map(self.quote, mentions) if q is not None]
            if quoted:
                first = min(start for mention in mentions for start, _ in mention)
                lines.append((first, AnswerLine(code, tuple(dict.fromkeys(quoted)))))
        return Answer(tuple(line for _, line in sorted(lines, key=lambda item: item[0])))

    def _agreement(
        self, code: str, mention: tuple[Fragment, ...], anywhere: bool = False, match: Match = "overlap"
    ) -> float:
        """The best agreement of a mention with a gold one; the answers of a group cite the same words."""
        key = (code, mention, anywhere, match)
        best = self._known.get(key)
        if best is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            best = self._known[key] = self._best_agreement(code, mention, anywhere, match)
        return best

    def _best_agreement(
        self, code: str, mention: tuple[Fragment, ...], anywhere: bool, match: Match
    ) -> float:
        if mention in self.mentions.get(code, ()):
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
