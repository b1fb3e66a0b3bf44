"""Notes side by side: gold and every model, with their evidence marked and each code judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import pvariance

from ..corpus.marked import marked
from ..corpus.types import Fragment
from ..metrics.candidate import Candidate
from ..metrics.difference import joint_f1_by_document
from ..metrics.judged import Judged
from ..scoring import score_prediction
from .collect import Model

MISSED = "missed"


@dataclass(frozen=True)
class Piece:
    """A run of text with what marks it: codes, and the outcome that gives the colour ("" for none)."""

    text: str
    codes: tuple[str, ...] = ()
    outcome: str = ""


@dataclass(frozen=True)
class Verdict:
    """A code, what became of it, and its quotes that are not in the note."""

    code: str
    outcome: str
    unlocated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A note as one model reads it, or gold."""

    name: str
    pieces: list[Piece]
    verdicts: list[Verdict]


@dataclass(frozen=True)
class ShownNote:
    """A note, gold first."""

    id: str
    columns: list[Column]


def shown_notes(models: Sequence[Model], most: int) -> list[ShownNote]:
    """Notes on which the models differ most in joint F1, then those on which they are worst."""
    if not models or not models[0].judged:
        return []
    known = [i for i, one in enumerate(models[0].judged) if one.gold.has_evidence]
    scores = [joint_f1_by_document(Candidate(model.name, model.judged, {})) for model in models]
    by_note = dict(zip(known, zip(*scores, strict=True), strict=True))
    order = sorted(known, key=lambda i: (-pvariance(by_note[i]), sum(by_note[i])))
    chosen = sorted(order[:most]) or list(range(min(most, len(models[0].judged))))
    return [_shown([(model.name, model.judged[i]) for model in models]) for i in chosen]


def _shown(read: Sequence[tuple[str, Judged]]) -> ShownNote:
    gold = read[0][1].gold
    marks = [(f, (code, "gold")) for code, mentions in gold.mentions.items() for m in mentions for f in m]
    verdicts = [Verdict(code, "gold") for code in gold.mentions]
    columns = [Column("gold", pieces(gold.text, marks), verdicts)]
    for name, one in read:
        scored = score_prediction(one.prediction, one.gold).codes
        marks = [(f, (c.code, c.outcome)) for c in scored for m in c.mentions for f in m.fragments or ()]
        verdicts = [
            Verdict(
                code.code,
                code.outcome,
                tuple(" … ".join(q.text for q in m.quoted) for m in code.mentions if m.fragments is None),
            )
            for code in scored
        ]
        predicted = {code.code for code in scored}
        verdicts += [Verdict(code, MISSED) for code in gold.mentions if code not in predicted]
        columns.append(Column(name, pieces(one.document.text, marks), verdicts))
    return ShownNote(read[0][1].document.id, columns)


def pieces(text: str, marks: Sequence[tuple[Fragment, tuple[str, str]]]) -> list[Piece]:
    """The text cut where any mark begins or ends; where marks overlap, the first one's outcome shows.

    Args:
        marks: each with its code and outcome.
    """
    return [
        Piece(words, tuple(dict.fromkeys(code for code, _ in over)), over[0][1] if over else "")
        for words, over in marked(text, marks)
    ]
