"""Calling a reward function the way TRL does, and saying what is wrong with what it gives back."""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

from ..answer.prompt import Completion as Completion
from ..answer.prompt import completion_text
from ..errors import Problem, UserError

RewardFunction: TypeAlias = Callable[..., Any]  # gives list[float | None], or a coroutine of one
Row: TypeAlias = dict[str, Any]

LARGEST = 1e18  # training sums squares in float32; beyond this they overflow into nan
_TELLING = 12  # characters of a note in a row that a message must not show
EXPECTED = "a reward is a finite number or None"


class RewardError(UserError):
    """A reward function raised, or gave what is no reward.

    Attributes:
        row: the number of the row that it happened on, from 0; None where no row is to blame.
        cause: what the function raised; None where its values are wrong.
    """

    row: int | None = None
    cause: BaseException | None = None


def call_reward(
    function: RewardFunction,
    rows: Sequence[Row],
    completions: Sequence[Completion],
    *,
    name: str = "",
    log_extra: Callable[[str, list[Any]], None] | None = None,
    log_metric: Callable[[str, float], None] | None = None,
) -> list[float | None]:
    """The rewards of completions, one for each row.

    The function is called once, with TRL's keywords: ``prompts``, ``completions``, every other column of
    the rows as a list (``text``, ``annotations``, ``id``, …), ``trainer_state`` (here: step 0 of 1),
    ``log_extra`` and ``log_metric`` (here: as given, else they do nothing). ``completion_ids`` are passed
    where the rows have them; only a tokenizer could make them up. Async functions are run to their end.

    Args:
        rows: one dict for each completion, all with the keys of the first.
        completions: texts, or lists of messages where the prompt is conversational.
        name: the reward's name in messages; the function's own if empty.

    Raises:
        RewardError: the function raised, or did not give a finite number or None for each completion.
    """
    if not rows:
        return []
    name = name or reward_name(function)
    logs = {"log_extra": log_extra or _nothing, "log_metric": log_metric or _nothing}
    try:
        given = _run(function, _keywords(rows, completions) | logs)
    except Exception as error:
        raise raised(function, name, error, rows, completions) from error
    return checked(name, given, rows)


def reward_name(function: RewardFunction) -> str:
    """The name that TRL logs a reward by: the function's, or its class's."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: RewardFunction) -> bool:
    """Whether TRL awaits what the function gives back."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an instance of a class with an async __call__
    )


def checked(name: str, given: Any, rows: Sequence[Row]) -> list[float | None]:
    """What a reward function gave back, as Python floats and None.

    True and False count as 1 and 0, and the scalars of numpy and torch as the numbers they hold.

    Raises:
        RewardError: it is not one finite number or None for each row.
    """
    if inspect.iscoroutine(given):
        given.close()
        raise RewardError(_problem(name, "gave a coroutine", "write it as 'async def'"))
    if isinstance(given, str | bytes | dict) or not isinstance(given, Iterable):
        raise RewardError(_problem(name, f"gave {_shown(given)} instead of a list, one reward a row"))
    values = list(given)
    if len(values) != len(rows):
        raise RewardError(_problem(name, f"gave {len(values)} rewards for {len(rows)} rows"))
    return [None if value is None else _number(name, value, i, rows) for i, value in enumerate(values)]


def raised(
    function: RewardFunction,
    name: str,
    error: Exception,
    rows: Sequence[Row],
    completions: Sequence[Completion],
) -> RewardError:
    """The error of a call that raised. The rows are tried alone until one raises the same kind of error."""
    row = _culprit(function, type(error), rows, completions)
    where = f"rows 0 to {len(rows) - 1}" if row is None else _label(row, rows)
    words = next(iter(str(error).strip().splitlines()), "")[:200]
    if _quotes(words, rows, completions):
        words = "its message has words of the note"
    what = ": ".join(filter(None, (where, type(error).__name__, words)))
    place = raised_at(function, error)
    found = RewardError(_problem(name, f"{what}{f' ({place})' if place else ''}"))
    found.row, found.cause = row, error
    return found


def raised_at(function: RewardFunction, error: BaseException) -> str:
    """``file.py:line`` of the innermost of the reward's own lines that an exception came through."""
    while isinstance(function, functools.partial):
        function = function.func
    try:
        file = inspect.getfile(inspect.unwrap(function))
    except TypeError:  # an instance of a class
        file = inspect.getfile(type(function))
    frames = traceback.extract_tb(error.__traceback__)
    return next((f"{Path(file).name}:{f.lineno}" for f in reversed(frames) if f.filename == file), "")


def _keywords(rows: Sequence[Row], completions: Sequence[Completion]) -> dict[str, Any]:
    """What TRL hands to a reward function."""
    return {
        "prompts": [row.get("prompt") for row in rows],
        "completions": list(completions),
        **{key: [row.get(key) for row in rows] for key in rows[0] if key != "prompt"},
        "trainer_state": SimpleNamespace(global_step=0, max_steps=1, epoch=0.0),
        "log_extra": _nothing,
        "log_metric": _nothing,
    }


def _run(function: RewardFunction, keywords: dict[str, Any]) -> Any:
    if not is_async(function):
        return function(**keywords)

    async def wait() -> Any:
        return await function(**keywords)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    with ThreadPoolExecutor(1) as thread:  # a loop can't be started inside another, such as a notebook's
        return thread.submit(asyncio.run, wait()).result()


def _culprit(
    function: RewardFunction,
    kind: type[Exception],
    rows: Sequence[Row],
    completions: Sequence[Completion],
) -> int | None:
    if len(rows) == 1:
        return 0
    for i, row in enumerate(rows):
        try:
            _run(function, _keywords([row], [completions[i]]))
        except kind:
            return i
        except Exception:
            return None
    return None


def _number(name: str, value: Any, row: int, rows: Sequence[Row]) -> float:
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if abs(number) <= LARGEST:
        return number
    expected = EXPECTED if not math.isfinite(number) else f"a reward lies within ±{LARGEST:g}"
    found = RewardError(_problem(name, f"{_label(row, rows)} gave {_shown(value)}; {expected}"))
    found.row = row
    raise found


def _quotes(words: str, rows: Sequence[Row], completions: Sequence[Completion]) -> bool:
    """Whether a message repeats a note or an answer, which are private."""
    pieces = [words[i : i + _TELLING] for i in range(len(words) - _TELLING + 1)]
    texts = {str(row.get("text")) for row in rows} | {completion_text(c) for c in completions}
    return any(piece in text for text in texts for piece in pieces)


def _problem(name: str, what: str, hint: str = "") -> Problem:
    return Problem(f"reward '{name}'", what, hint)


def _label(row: int, rows: Sequence[Row]) -> str:
    identifier = rows[row].get("id")
    return f"row {row}" if identifier is None else f"row {row} ({identifier})"


def _shown(value: Any) -> str:
    """A value in a message; what is no number may be text of a note, so only its kind is named."""
    return f"{value}" if isinstance(value, int | float) or value is None else f"a {type(value).__name__}"


def _nothing(*_: Any) -> None:
    """Where TRL would log."""
