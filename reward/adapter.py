"""From ``f(answer, document) -> float`` to the signature that TRL calls."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean
from typing import Any, Concatenate, Generic, ParamSpec, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ..answer.grammar import Answer, AnswerFormat
from ..answer.parse import parse
from ..answer.prompt import Completion, completion_text
from ..corpus.types import Annotation
from ..rewards_api.protocol import Scored as Scored
from ..rewards_api.protocol import Values
from ..scoring import GoldDocument

P = ParamSpec("P")


class AnswerReward(Generic[P]):
    """A reward with TRL's signature, made of a function of one answer and one gold document.

    It goes by the function's name, documentation and signature, and is pickled by its place in its module.
    A subclass may add what else a reward can offer; see :mod:`scl_rl.rewards_api.protocol`.
    """

    __name__: str

    def __init__(self, score: Callable[Concatenate[Answer, GoldDocument, P], Scored | float | None]) -> None:
        functools.update_wrapper(self, score)
        self._score: Callable[..., Scored | float | None] = score
        self._takes = frozenset(list(inspect.signature(score).parameters)[2:])

    def __call__(
        self,
        completions: Sequence[Completion],
        text: Sequence[str],
        annotations: Sequence[list[dict[str, Any]] | None],
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **arguments: Any,
    ) -> Values:
        """The scores; their parts go to ``log_metric``, what is cited goes to ``log_extra``."""
        scored = self.explain(completions, text, annotations, **arguments)
        known = [one for one in scored if one is not None]
        if log_metric is not None and known:
            for part in known[0].parts:
                log_metric(f"{self.__name__}/{part}", fmean(one.parts[part] for one in known))
        if log_extra is not None and any(one.citations for one in known):
            citations = [one.citations() if one and one.citations else None for one in scored]
            log_extra(f"{self.__name__}/citations", citations)
        return [None if one is None else one.score for one in scored]

    def explain(
        self,
        completions: Sequence[Completion],
        text: Sequence[str],
        annotations: Sequence[list[dict[str, Any]] | None],
        answer: AnswerFormat = "lines",
        **arguments: Any,
    ) -> list[Scored | None]:
        """What the score of each completion is made of; None where it abstains."""
        own = {key: value for key, value in arguments.items() if key in self._takes}
        return [
            None
            if gold is None
            else _scored(self._score(parse(completion_text(completion), answer), gold, **own))
            for completion, gold in zip(completions, _golds(text, annotations), strict=True)
        ]

    def check_arguments(self, **arguments: Any) -> None:
        """Hold keyword arguments against the annotations of the function's.

        Raises:
            ValueError: one is not what its annotation says.
        """
        try:
            _arguments_of(self._score)(**arguments)
        except ValidationError as error:
            first = error.errors()[0]
            said = first["msg"][:1].lower() + first["msg"][1:]
            raise ValueError(f"argument '{first['loc'][0]}': {said}, not {first['input']!r}") from None

    def __reduce__(self) -> str:
        return self.__qualname__  # type: ignore[attr-defined, no-any-return]


def per_answer(
    score: Callable[Concatenate[Answer, GoldDocument, P], Scored | float | None],
) -> AnswerReward[P]:
    """Turn a function of one answer and one gold document into a reward function with TRL's signature.

    The reward reads the dataset's columns ``text`` (the note as the model was shown it) and
    ``annotations`` (as in documents.jsonl, with offsets into that text). Keyword arguments that are not
    columns go to the function; ``answer="json"`` chooses the second answer format. A row without
    annotations gets None: the reward has nothing to say of it.

    The function may return a :class:`Scored` instead of a number; the reward then has figures to log and to
    explain. Values of arguments that are not what the function's annotations say are refused.
    """
    return AnswerReward(score)


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


@functools.cache
def _arguments_of(score: Callable[..., Any]) -> type[BaseModel]:
    """A model of a function's keyword arguments, made from their annotations."""
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
