"""What a reward is, and what it may offer besides: for TRL, for recipes, and for whoever writes one.

A plain function with TRL's signature is a reward, and so is an instance of a class that can be called. The
protocols below :class:`Reward` are optional: a reward takes part in each by having its method, or an
attribute of that name. :func:`scl_rl.reward.per_answer` makes a reward that has :class:`Explains` and
:class:`ChecksArguments`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from ..answer.prompt import Completion as Completion

Row: TypeAlias = dict[str, Any]
Values: TypeAlias = list[float | None]

FROM_TRAINING = (
    *("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric", "environments"),
    *("id", "text", "annotations"),
)
"""Keywords that a reward is called with; a recipe can't set them."""

INJECTED = ("spans", "annotated", "code_only", "model", "base")
"""Arguments that a stage fills in where a reward takes them and the recipe leaves them out, as text:
``spans``, ``annotated`` and ``code_only``, those files of the run's data; ``model``, the folder of the model
that the stage starts from; ``base``, the folder that the recipe's relative paths start from."""


class Reward(Protocol):
    """A reward, as TRL calls it: once per batch, with keywords only."""

    def __call__(self, completions: Sequence[Completion], **columns: Any) -> Values | Awaitable[Values]:
        """One value for each completion: a finite number, or None to abstain.

        Args:
            completions: texts, or lists of messages where the prompt is conversational.
            columns: ``prompts``, ``completion_ids``, ``id``, ``text``, ``annotations`` and the other columns
                of the dataset, a list each; ``answer``, the format of the answers; ``trainer_state``,
                ``log_metric(name, value)`` and ``log_extra(column, values)``; the recipe's arguments.
        """


@runtime_checkable
class Explains(Protocol):
    """A reward that can say what its scores are made of."""

    def explain(self, completions: Sequence[Completion], **columns: Any) -> Sequence[Scored | None]:
        """One :class:`Scored` for each completion, None where the reward abstains. Takes what it takes."""


@runtime_checkable
class ChecksArguments(Protocol):
    """A reward that checks the values of a recipe's arguments before anything is trained."""

    def check_arguments(self, **arguments: Any) -> None:
        """Raise a ValueError or TypeError, with a message in one line, for values that it refuses."""


@runtime_checkable
class Needs(Protocol):
    """A reward that decides by its arguments which of :data:`INJECTED` it can't do without.

    Without this method, it needs those that it takes without a default.
    """

    def needs(self, **arguments: Any) -> set[str]:
        """Names among :data:`INJECTED`."""


@runtime_checkable
class Verifies(Protocol):
    """A reward that judges by a verifier of its own, which can be wrong."""

    def accuracy(self, documents: Path, **arguments: Any) -> dict[str, Any]:
        """How often the verifier is right on annotated documents (a documents.jsonl), as figures by name."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A score with what it is made of.

    ``parts`` are figures by name; TRL logs their means over a batch as ``<reward>/<part>``. ``citations``,
    when called, says in words what each code cites; that stands in TRL's table of completions.
    """

    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    citations: Callable[[], str] | None = None


RewardFunction: TypeAlias = Callable[..., Any]
"""A :class:`Reward` that somebody else wrote: what it really takes and gives is found out by calling it."""


def without_partials(function: RewardFunction) -> RewardFunction:
    """The reward under the arguments that are bound to it."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def reward_name(function: RewardFunction) -> str:
    """The name that TRL logs a reward by: the function's, or its class's."""
    function = without_partials(function)
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: RewardFunction) -> bool:
    """Whether TRL awaits what the function gives back."""
    function = without_partials(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an instance of a class with an async __call__
    )
