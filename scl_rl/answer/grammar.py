"""The answer a model writes: one line a code, evidence first. Records, rendering, both formats' names.

    "chest pain" => R07.9
    "dolor" + "abdominal"; "colic"#2 => R10.9
    none

``;`` separates mentions, ``+`` joins the fragments of one mention, ``#n`` is the n-th occurrence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

AnswerFormat = Literal["lines", "json"]
NO_CODES = "none"


@dataclass(frozen=True, slots=True)
class Quote:
    """The words cited for one fragment, and which of their occurrences is meant (1 = the first)."""

    text: str
    occurrence: int = 1


QuotedMention = tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One code with the mentions cited for it."""

    code: str
    mentions: tuple[QuotedMention, ...]


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """A line that could not be read: its number in the answer (from 1), its text and the reason."""

    number: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``lines`` keeps the order and the duplicates of what the model wrote."""

    lines: tuple[AnswerLine, ...] = ()
    malformed: tuple[MalformedLine, ...] = ()

    def by_code(self) -> dict[str, list[QuotedMention]]:
        """The mentions cited for each code, the lines of one code taken together."""
        codes: dict[str, list[QuotedMention]] = {}
        for line in self.lines:
            codes.setdefault(line.code, []).extend(line.mentions)
        return codes


def render(answer: Answer, form: AnswerFormat = "lines") -> str:
    """Write the well-formed lines of an answer as text, without a final newline."""
    if not answer.lines:
        return NO_CODES
    write = _as_line if form == "lines" else _as_json
    return "\n".join(write(line) for line in answer.lines)


def _as_line(line: AnswerLine) -> str:
    mentions = "; ".join(" + ".join(_quoted(quote) for quote in mention) for mention in line.mentions)
    return f"{mentions} => {line.code}"


def _quoted(quote: Quote) -> str:
    text = json.dumps(quote.text, ensure_ascii=False)
    return text if quote.occurrence == 1 else f"{text}#{quote.occurrence}"


def _as_json(line: AnswerLine) -> str:
    evidence = [
        [q.text if q.occurrence == 1 else [q.text, q.occurrence] for q in mention]
        for mention in line.mentions
    ]
    return json.dumps({"evidence": evidence, "code": line.code}, ensure_ascii=False)
