"""What an attack is: a completion that a reward must not pay like gold, made from a note."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..answer.grammar import Answer, AnswerLine
from .notes import Note, Notes

Kind = Literal["attack", "control"]
Made: TypeAlias = Answer | str | None
Maker: TypeAlias = Callable[[Note, Notes, random.Random], Made]
FEW = 3
MAX_QUOTED = 1_000_000  # characters of the quotes that an attack writes into an answer


@dataclass(frozen=True)
class Completion:
    """What an attack wrote for a note.

    Attributes:
        share: how much of the answer is not gold's, in (0, 1]: the share of gold's lines that are changed
            or gone; 1 where all are there and something was added.
    """

    text: str
    share: float


@dataclass(frozen=True)
class Attack:
    """A way to answer without having learned what the reward is for; or a control, as good as gold.

    Attributes:
        teaches: what a model that is paid for it learns to do.
        most: on how many notes it is tried, where it is too large for all of them.
    """

    name: str
    teaches: str
    make: Maker
    kind: Kind = "attack"
    most: int | None = None

    def completion(self, note: Note, notes: Notes, seed: int) -> Completion | None:
        """What it writes for a note, the same for the same seed; None where it does not apply."""
        rng = random.Random(f"{seed} {self.name} {note.document.id}")
        made = self.make(note, notes, rng)
        if made is None:
            return None
        if isinstance(made, str):
            return Completion(made, 1.0)
        return Completion(notes.render(made), _share_changed(note.answer, made))


class Attacks(list[Attack]):
    """Attacks in the order in which they are written down."""

    def add(
        self, name: str, teaches: str, *, kind: Kind = "attack", most: int | None = None
    ) -> Callable[[Maker], Maker]:
        """Put a function under a name."""

        def put(make: Maker) -> Maker:
            self.append(Attack(name, teaches, make, kind, most))
            return make

        return put


def changed(note: Note, change: Callable[[AnswerLine], AnswerLine | None]) -> Answer | None:
    """Gold with every line changed that can be; None where no line can.

    Lines are left as they are once those before have :data:`MAX_QUOTED`: attacks on a long note with many
    codes would else take gigabytes.
    """
    lines: list[AnswerLine] = []
    written: int | None = None
    for line in note.answer.lines:
        new = change(line) if (written or 0) < MAX_QUOTED else None
        if new is not None:
            written = (written or 0) + sum(len(quote.text) for mention in new.mentions for quote in mention)
        lines.append(new or line)
    return None if written is None else Answer(tuple(lines))


def _share_changed(gold: Answer, answer: Answer) -> float:
    lines = set(answer.lines)
    kept = sum(line in lines for line in gold.lines)
    return 1 - kept / len(gold.lines) if kept < len(gold.lines) else 1.0
