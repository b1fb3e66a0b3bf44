"""Hard negatives: gold answers with one thing wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...answer.grammar import Answer, AnswerLine
from ...corpus.types import Fragment
from ...icd import codes as icd
from ...scoring import GoldDocument
from ...scoring.dictionary import SpanDictionary
from ...scoring.elsewhere import elsewhere, speaks_of_another
from ...scoring.match import TOKEN

Spoiler = Callable[[AnswerLine, GoldDocument, random.Random], AnswerLine | None]
Corruption = Literal["elsewhere", "negated", "sibling", "dropped", "spurious"]


@dataclass(frozen=True)
class Corrupter:
    """Spoils gold answers in ways that a half-trained model does.

    Attributes:
        codes: those that may stand in the place of a right one, next to the siblings of the ICD tables.
        dictionary: known wordings, for lines about words that count for nothing.
    """

    codes: Sequence[str]
    dictionary: SpanDictionary

    def spoil(self, kind: Corruption, gold: GoldDocument, rng: random.Random) -> Iterator[Answer]:
        """Gold answers with one line wrong, one for each line that can be spoiled so.

        - ``elsewhere``: the line cites another code's evidence, or words from where no evidence is.
        - ``negated``: it cites its words where they stand again and don't count, denied ones first.
        - ``sibling``: its code is a neighbour's.
        - ``dropped``: it is left out.
        - ``spurious``: a line is added, in the order of the text, for known words that are no evidence here
          (negated, a relative's).
        """
        answer = gold.gold_answer()
        if kind == "spurious":
            yield from self._spurious(answer, gold)
            return
        spoilers: dict[Corruption, Spoiler] = {
            "elsewhere": _elsewhere,
            "negated": _negated,
            "sibling": self._sibling,
            "dropped": lambda *_: None,
        }
        spoil = spoilers[kind]
        for i, line in enumerate(answer.lines):
            new = spoil(line, gold, rng)
            if new == line:
                continue
            kept = [new] if new is not None else []
            yield Answer((*answer.lines[:i], *kept, *answer.lines[i + 1 :]))

    def _sibling(self, line: AnswerLine, gold: GoldDocument, rng: random.Random) -> AnswerLine:
        near = [code for code in self.codes if code[:3] == line.code[:3]]
        free = [code for code in (*icd.neighbours(line.code), *near) if code not in gold.mentions]
        return replace(line, code=rng.choice(sorted(set(free)))) if free else line

    def _spurious(self, answer: Answer, gold: GoldDocument) -> Iterator[Answer]:
        for place, code in self.dictionary.matches(gold.text):
            quoted = gold.quote([place])
            if code in gold.mentions or quoted is None:
                continue
            line = AnswerLine(code, (quoted,))
            at = sum(_start(known, gold) < place[0] for known in answer.lines)
            yield Answer((*answer.lines[:at], line, *answer.lines[at:]))


def _start(line: AnswerLine, gold: GoldDocument) -> int:
    """Where the evidence of a gold line begins."""
    return min(start for mention in gold.mentions[line.code] for start, _ in mention)


def _elsewhere(line: AnswerLine, gold: GoldDocument, rng: random.Random) -> AnswerLine:
    others = [
        mention
        for code, mentions in gold.mentions.items()
        if code != line.code
        for mention in mentions
        if not gold.overlap(line.code, mention, anywhere=True)
    ]
    mention = rng.choice(others) if others else _unrelated(line, gold, rng)
    quoted = gold.quote(mention) if mention else None
    return replace(line, mentions=(quoted,)) if quoted else line


def _unrelated(line: AnswerLine, gold: GoldDocument, rng: random.Random) -> tuple[Fragment, ...] | None:
    """As many words as the line quotes, from where no evidence of its code is."""
    words = [match.span() for match in TOKEN.finditer(gold.text)]
    length = min(len(words), max(1, len(TOKEN.findall(line.mentions[0][0].text))))
    runs = [(words[i][0], words[i + length - 1][1]) for i in range(len(words) - length + 1)]
    rng.shuffle(runs)
    return next(((run,) for run in runs if not gold.overlap(line.code, [run], anywhere=True)), None)


def _negated(line: AnswerLine, gold: GoldDocument, rng: random.Random) -> AnswerLine:
    places = elsewhere(gold, line)
    denied = [mention for place, mention in places if speaks_of_another(gold.text, place)]
    wrong = denied or [mention for _, mention in places]
    return replace(line, mentions=(rng.choice(wrong),)) if wrong else line
