"""From ``f(answer, document) -> float`` to the signature that TRL calls."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Concatenate, ParamSpec, TypeAlias, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model

from ..answer.grammar import Answer, AnswerFormat
from ..answer.parse import parse
from ..answer.prompt import Completion, completion_text
from ..corpus.types import Annotation
from ..scoring.judge import GoldDocument

Reward: TypeAlias = Callable[..., list[float | None]]
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Scored:
    """A score with what it is made of.

    ``parts`` are figures by name; TRL logs their means over a batch as ``<reward>/<part>``. ``citations``,
    when called, says in words what each code cites; that stands in TRL's table of completions.
    """

    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    citations: Callable[[], str] | None = None


def per_answer(
    score: Callable[Concatenate[Answer, GoldDocument, P], Scored | float | None],
) -> Reward:
    """Turn a function of one answer and one gold document into a reward function with TRL's signature.

    The reward reads the dataset's columns ``text`` (the note as the model was shown it) and
    ``annotations`` (as in documents.jsonl, with offsets into that text). Keyword arguments that are not
    columns go to the function; ``answer="json"`` chooses the second answer format. A row without
    annotations gets None: the reward has nothing to say of it.

    The function may return a :class:`Scored` instead of a number. The reward has two attributes:
    ``explain``, which takes what the reward takes and returns a :class:`Scored` or None for each
    completion, and ``check_arguments``, which raises a ValueError for keyword arguments that are not what
    the function's annotations say.
    """
    takes = set(list(inspect.signature(score).parameters)[2:])

    def explain(
        completions: Sequence[Completion],
        text: Sequence[str],
        annotations: Sequence[list[dict[str, Any]] | None],
        answer: AnswerFormat = "lines",
        **arguments: Any,
    ) -> list[Scored | None]:
        own = {key: value for key, value in arguments.items() if key in takes}
        return [
            None if gold is None else _scored(score(parse(completion_text(completion), answer), gold, **own))  # type: ignore[call-arg]
            for completion, gold in zip(completions, _golds(text, annotations), strict=True)
        ]

    @functools.wraps(score)
    def reward(
        completions: Sequence[Completion],
        text: Sequence[str],
        annotations: Sequence[list[dict[str, Any]] | None],
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **arguments: Any,
    ) -> list[float | None]:
        scored = explain(completions, text, annotations, **arguments)
        known = [one for one in scored if one is not None]
        if log_metric is not None and known:
            for part in known[0].parts:
                log_metric(f"{score.__name__}/{part}", fmean(one.parts[part] for one in known))
        if log_extra is not None and any(one.citations for one in known):
            citations = [one.citations() if one and one.citations else None for one in scored]
            log_extra(f"{score.__name__}/citations", citations)
        return [None if one is None else one.score for one in scored]

    reward.explain = explain  # type: ignore[attr-defined]
    reward.check_arguments = _checker(score)  # type: ignore[attr-defined]
    return reward


def _scored(given: Scored | float | None) -> Scored | None:
    return given if given is None or isinstance(given, Scored) else Scored(given)


def _golds(
    text: Sequence[str], annotations: Sequence[list[dict[str, Any]] | None]
) -> Iterator[GoldDocument | None]:
    """The gold side of each row. The rows of a group follow one another and share it."""
    last: tuple[str, list[dict[str, Any]]] | None = None
    gold: GoldDocument | None = None
    for note, found in zip(text, annotations, strict=True):
        if found is None:
            yield None
            continue
        if (note, found) != last:
            last, gold = (note, found), _gold(note, json.dumps(found))
        yield gold


@functools.lru_cache(maxsize=64)
def _gold(text: str, annotations: str) -> GoldDocument:
    return GoldDocument(text, [Annotation.model_validate(a) for a in json.loads(annotations)])


def _checker(score: Callable[..., Any]) -> Callable[..., None]:
    """Keyword arguments held against the annotations of a function's keyword arguments."""

    @functools.cache
    def model() -> Any:
        try:
            hints = get_type_hints(score, include_extras=True)
        except (NameError, TypeError):  # annotations that are there for type checkers alone
            hints = {}
        parameters = list(inspect.signature(score).parameters.values())[2:]
        fields: Any = {
            p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
            for p in parameters
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        config = ConfigDict(strict=True, arbitrary_types_allowed=True)
        return create_model("arguments", __config__=config, **fields)

    def check_arguments(**arguments: Any) -> None:
        try:
            model()(**arguments)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            said = first["msg"][:1].lower() + first["msg"][1:]
            raise ValueError(f"argument '{name}': {said}, not {first['input']!r}") from None

    return check_arguments
