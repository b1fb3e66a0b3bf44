"""From ``f(answer, document) -> float`` to the signature that TRL calls."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias

from ..answer.grammar import Answer, AnswerFormat
from ..answer.parse import parse
from ..answer.prompt import Completion, completion_text
from ..corpus.types import Annotation
from ..scoring.judge import GoldDocument

Reward: TypeAlias = Callable[..., list[float | None]]
P = ParamSpec("P")


@functools.lru_cache(maxsize=64)
def _gold(text: str, annotations: str) -> GoldDocument:
    """The gold side of a row; the completions of a group share it."""
    return GoldDocument(text, [Annotation.model_validate(a) for a in json.loads(annotations)])


def per_answer(
    score: Callable[Concatenate[Answer, GoldDocument, P], float | None],
) -> Callable[..., list[float | None]]:
    """Turn a function of one answer and one gold document into a reward function with TRL's signature.

    The reward reads the dataset's columns ``text`` (the note as the model was shown it) and
    ``annotations`` (as in documents.jsonl, with offsets into that text). Keyword arguments that are not
    columns go to the function; ``answer="json"`` chooses the second answer format. A row without
    annotations gets None: the reward has nothing to say of it.
    """

    @functools.wraps(score)
    def reward(
        completions: Sequence[Completion],
        text: Sequence[str],
        annotations: Sequence[list[dict[str, Any]] | None],
        answer: AnswerFormat = "lines",
        **arguments: Any,
    ) -> list[float | None]:
        own = {key: value for key, value in arguments.items() if key in accepted}
        return [
            None
            if gold is None
            else score(parse(completion_text(completion), answer), _gold(note, json.dumps(gold)), **own)  # type: ignore[call-arg]
            for completion, note, gold in zip(completions, text, annotations, strict=True)
        ]

    accepted = set(list(inspect.signature(score).parameters)[2:])
    return reward
