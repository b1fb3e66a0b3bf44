"""One more thing in half of a gold answer: a right line, a wrong line, a quote that is not in the note."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

from ..answer.grammar import Answer, AnswerLine
from .notes import Note, Notes
from .simulate import invented_line, misquoted

Lines: TypeAlias = list[AnswerLine]
Add: TypeAlias = Callable[[Lines, Lines, Note, Notes, random.Random], Lines | None]


def step(name: str, add: Add, note: Note, notes: Notes, seed: int) -> tuple[str, str] | None:
    """A half answer without and with the one more thing; None where there is no such thing to add."""
    rng = random.Random(f"{seed} {name} {note.document.id}")
    lines = list(note.answer.lines)
    rng.shuffle(lines)
    half, rest = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    more = add(half, rest, note, notes, rng)
    if more is None:
        return None
    return notes.render(Answer(tuple(half))), notes.render(Answer(tuple(more)))


def _right_line(half: Lines, rest: Lines, note: Note, notes: Notes, rng: random.Random) -> Lines | None:
    return [*half, rest[0]] if rest else None


def _wrong_line(half: Lines, rest: Lines, note: Note, notes: Notes, rng: random.Random) -> Lines | None:
    wrong = invented_line(note, notes, rng)
    return None if wrong is None else [*half, wrong]


def _unlocated_quote(half: Lines, rest: Lines, note: Note, notes: Notes, rng: random.Random) -> Lines | None:
    if not half:
        return None
    first, *others = half
    quote = misquoted(first.mentions[0], note, rng)
    return [AnswerLine(first.code, (*first.mentions, quote)), *others]


STEPS: dict[str, Add] = {
    "right line": _right_line,
    "wrong line": _wrong_line,
    "unlocated quote": _unlocated_quote,
}
