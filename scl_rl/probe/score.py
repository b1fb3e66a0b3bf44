"""Completions scored one by one, with what their scores are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..answer.grammar import AnswerFormat
from ..answer.parse import parse
from ..rewards_api.weighted import WeightedRewards
from ..scoring import score_answer
from .notes import Note


def scored(
    target: WeightedRewards,
    pairs: Sequence[tuple[Note, str]],
    form: AnswerFormat = "lines",
    show_notes: bool = False,
) -> list[dict[str, Any]]:
    """``{"id", "score", "parts", "breakdown"}`` for each completion, in order.

    ``score`` is None where the reward abstains. ``parts`` are the reward's own, if it tells them; of a sum,
    what each reward gives before weighting. ``breakdown`` is the scorer's account of the answer, None for
    an unlabelled document; ``show_notes``: with the quotes, which are words of the note.

    Raises:
        RewardError: the reward raised, or gave what is no reward.
    """
    rows = [note.row(text) for note, text in pairs]
    completions = [note.completion(text) for note, text in pairs]
    each = target.score_each(rows, completions)
    sums = target.sums(each)
    if len(target.rewards) > 1:
        names = [reward.name for reward in target.rewards]
        parts = [dict(zip(names, values, strict=True)) for values in zip(*each, strict=True)]
    else:
        parts = target.rewards[0].parts(rows, completions)
    return [
        {
            "id": note.document.id,
            "score": sums[i],
            "parts": parts[i],
            "breakdown": None
            if note.document.annotations is None
            else score_answer(parse(text, form), note.gold).as_dict(show_notes),
        }
        for i, (note, text) in enumerate(pairs)
    ]
