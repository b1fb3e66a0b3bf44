"""Rewards as training calls them: every value checked, and what goes wrong kept for its author."""

from __future__ import annotations

import traceback
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from ..answer.prompt import Completion
from .call import RewardError, checked, raised, raised_at, taken
from .contain import contained, own_copy
from .protocol import RewardFunction, Row, Values, is_async, reward_name

OnFailure: TypeAlias = Callable[[RewardError, dict[str, Any]], NoReturn]
"""What to do about a failure: its error, and a report for a file, which holds text of the note."""

OnRewards: TypeAlias = Callable[[str, Values, Sequence[Completion], dict[str, Any]], None]
"""Told of every call: the reward's name, its values, the completions and TRL's other keywords."""


def validated_reward(
    function: RewardFunction, name: str, on_failure: OnFailure, on_rewards: OnRewards, weight: float = 1.0
) -> RewardFunction:
    """The function under a name of its own for TRL's logs; async if it was.

    A value that is not a reward, or too large once weighted, never reaches the trainer, which would take NaN
    for "not applicable" and an infinity for a number. The function gets a copy of the columns, which the
    other rewards of the batch share, and what it prints is dropped.
    """

    def check(values: Any, completions: Sequence[Completion], columns: dict[str, Any]) -> Values:
        rows = _rows(completions, columns)
        try:
            good = checked(name, values, rows, weight)
        except RewardError as error:
            on_failure(error, _report(function, name, error, rows, completions, columns))
        on_rewards(name, good, completions, columns)
        return good

    def stop(error: BaseException, completions: Sequence[Completion], columns: dict[str, Any]) -> NoReturn:
        rows = _rows(completions, columns)
        told = raised(function, name, error, rows, completions)
        on_failure(told, _report(function, name, told, rows, completions, columns))

    def keywords(completions: Sequence[Completion], columns: dict[str, Any]) -> dict[str, Any]:
        """The keywords, with logs that keep this reward's own from those of another one of its name."""
        logs = {key: columns[key] for key in ("log_metric", "log_extra") if key in columns}
        copied = own_copy({"completions": completions, **columns})
        return {
            **copied,
            **{key: _renamed(log, reward_name(function), name) for key, log in logs.items()},
        }

    if is_async(function):

        async def later(completions: Sequence[Completion], **columns: Any) -> Values:
            try:
                with contained():
                    values = taken(await function(**keywords(completions, columns)), len(completions))
            except (KeyboardInterrupt, GeneratorExit, CancelledError):  # nobody waits any more
                raise
            except BaseException as error:
                stop(error, completions, columns)
            return check(values, completions, columns)

        later.__name__ = name
        return later

    def now(completions: Sequence[Completion], **columns: Any) -> Values:
        try:
            with contained():
                values = taken(function(**keywords(completions, columns)), len(completions))
        except KeyboardInterrupt:  # the user's; a reward may raise anything else
            raise
        except BaseException as error:
            stop(error, completions, columns)
        return check(values, completions, columns)

    now.__name__ = name
    return now


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, a number added where one came before: TRL would log both under one."""
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def _renamed(log: Callable[[str, Any], None], own: str, name: str) -> Callable[[str, Any], None]:
    """A log of TRL's where what a reward calls ``own/…`` is called ``name/…``."""
    if own == name:
        return log

    def renamed(key: str, value: Any) -> None:
        log(name + key[len(own) :] if key.startswith(f"{own}/") else key, value)

    return renamed


def _rows(completions: Sequence[Completion], columns: dict[str, Any]) -> list[Row]:
    """TRL's columns as rows."""
    count = len(completions)
    lists = {k: v for k, v in columns.items() if isinstance(v, list) and len(v) == count}
    prompts = lists.pop("prompts", [None] * count)
    return [{"prompt": prompts[i], **{key: values[i] for key, values in lists.items()}} for i in range(count)]


def _report(
    function: RewardFunction,
    name: str,
    error: RewardError,
    rows: Sequence[Row],
    completions: Sequence[Completion],
    columns: dict[str, Any],
) -> dict[str, Any]:
    """What happened, with the row that it happened on, or all of them where none is to blame."""
    numbers = range(len(rows)) if error.row is None else [error.row]
    cause = error.cause
    return {
        "reward": name,
        "step": getattr(columns.get("trainer_state"), "global_step", 0) + 1,
        "problem": str(error),
        "raised_at": raised_at(function, cause) if cause else None,
        "traceback": "".join(traceback.format_exception(cause)) if cause else None,
        "rows": [
            {"row": {k: v for k, v in rows[i].items() if k != "completion_ids"}, "completion": completions[i]}
            for i in numbers
        ],
    }
