"""Calling a reward the way TRL does, and saying what is wrong with what it gives back."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import math
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..answer.prompt import Completion, Prompt
from ..corpus.types import Document
from ..errors import Problem, UserError
from .contain import SHOW_OUTPUT, contained, output_shown, own_copy
from .protocol import RewardFunction, Row, Values, is_async, reward_name, without_partials

LARGEST = 1e18  # training sums squares in float32; beyond this they overflow into nan
EXPECTED = "a reward is a finite number or None"
_PRIVATE = f"its message may quote a note: set {SHOW_OUTPUT}=1 to see it"
_MOST_DIGITS = 20


class RewardError(UserError):
    """A reward raised, or gave what is not a reward.

    Attributes:
        row: the number of the row that it happened on, from 0; None where no row is to blame.
        cause: what the reward raised; None where its values are wrong, and in another process.
    """

    row: int | None = None
    cause: BaseException | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self.problems), {"row": self.row}


def row_of(document: Document, prompt: Prompt) -> Row:
    """A document, or a window of one, as a row: ``prompt``, ``id``, ``text`` and ``annotations``.

    ``annotations`` are as in documents.jsonl, with offsets into ``text``; None for an unlabelled document.
    """
    labelled = document.annotations
    return {
        "prompt": prompt,
        "id": document.id,
        "text": document.text,
        "annotations": None
        if labelled is None
        else [annotation.model_dump(include={"code", "system", "mentions"}) for annotation in labelled],
    }


def completion_of(answer: str, prompt: Prompt) -> Completion:
    """An answer in the form in which TRL hands it to a reward: messages where the prompt is messages."""
    if isinstance(prompt, str):
        return answer
    return [{"role": "assistant", "content": answer}]


def call_reward(
    function: RewardFunction,
    rows: Sequence[Row],
    completions: Sequence[Completion],
    *,
    name: str = "",
    weight: float = 1.0,
    log_extra: Callable[[str, list[Any]], None] | None = None,
    log_metric: Callable[[str, float], None] | None = None,
    trainer_state: Any = None,
) -> Values:
    """The rewards of completions, one for each row.

    The function is called once, with TRL's keywords: ``prompts``, ``completions``, every other column of
    the rows as a list (``text``, ``annotations``, ``id``, …), ``trainer_state`` (step 0 of 1, if it is not
    given), ``log_extra`` and ``log_metric`` (here: as given, else they do nothing). ``completion_ids`` are
    passed where the rows have them; only a tokenizer could make them up. Async functions are run to their
    end. It works on a copy of the rows, and what it prints is dropped (see
    :mod:`~scl_rl.rewards_api.contain`).

    Args:
        rows: one dict for each completion, all with the keys of the first.
        completions: texts, or lists of messages where the prompt is conversational.
        name: the reward's name in messages; the function's own if empty.
        weight: what the values are multiplied by later; the product has to be in range.

    Raises:
        RewardError: the function raised, or did not give a finite number or None for each completion.
    """
    if not rows:
        return []
    name = name or reward_name(function)
    more = {"log_extra": log_extra or _nothing, "log_metric": log_metric or _nothing}
    if trainer_state is not None:
        more["trainer_state"] = trainer_state
    try:
        given = _run(function, _keywords(rows, completions) | more)
    except KeyboardInterrupt:  # the user's; a reward may raise anything else
        raise
    except BaseException as error:
        told = raised(function, name, error, rows, completions)
        raise told from (error if output_shown() else None)
    return checked(name, given, rows, weight)


def checked(name: str, given: Any, rows: Sequence[Row], weight: float = 1.0) -> Values:
    """What a reward function gave back, as Python floats and None.

    True and False count as 1 and 0, and the scalars of numpy and torch as the numbers they hold.

    Raises:
        RewardError: it is not one finite number or None for each row, or too large once weighted.
    """
    if inspect.iscoroutine(given):
        given.close()
        raise RewardError(_problem(name, "gave a coroutine", "write it as 'async def'"))
    if isinstance(given, str | bytes | dict) or not isinstance(given, Iterable):
        raise RewardError(_problem(name, f"gave {_shown(given)} instead of a list, one reward a row"))
    values = list(given)
    if len(values) != len(rows):
        raise RewardError(_problem(name, f"gave {len(values)} rewards for {len(rows)} rows"))
    return [
        None if value is None else _number(name, value, i, rows, weight) for i, value in enumerate(values)
    ]


def raised(
    function: RewardFunction,
    name: str,
    error: BaseException,
    rows: Sequence[Row],
    completions: Sequence[Completion],
) -> RewardError:
    """The error of a call that raised. The rows are tried alone until one raises the same kind of error.

    The exception's own message is left out: it may quote a note.
    """
    row = _culprit(function, type(error), rows, completions)
    where = f"rows 0 to {len(rows) - 1}" if row is None else _label(row, rows)
    place = raised_at(function, error)
    what = f"{where}: {type(error).__name__}{f' at {place}' if place else ''}"
    words = next(iter(str(error).strip().splitlines()), "")[:200] if output_shown() else ""
    hint = "" if output_shown() or not str(error).strip() else _PRIVATE
    found = RewardError(_problem(name, f"{what}: {words}" if words else what, hint))
    found.row, found.cause = row, error
    return found


def raised_at(function: RewardFunction, error: BaseException) -> str:
    """``file.py:line`` of the innermost of the reward's own lines that an exception came through."""
    function = without_partials(function)
    try:
        file = inspect.getfile(inspect.unwrap(function))
    except TypeError:  # an instance of a class
        file = inspect.getfile(type(function))
    frames = traceback.extract_tb(error.__traceback__)
    return next((f"{Path(file).name}:{f.lineno}" for f in reversed(frames) if f.filename == file), "")


def _keywords(rows: Sequence[Row], completions: Sequence[Completion]) -> dict[str, Any]:
    """What TRL hands to a reward function; none of its lists and dicts is one of the rows'."""
    columns = {
        "prompts": [row.get("prompt") for row in rows],
        "completions": list(completions),
        **{key: [row.get(key) for row in rows] for key in rows[0] if key != "prompt"},
    }
    return {
        **own_copy(columns),
        "trainer_state": SimpleNamespace(global_step=0, max_steps=1, epoch=0.0),
        "log_extra": _nothing,
        "log_metric": _nothing,
    }


def _run(function: RewardFunction, keywords: dict[str, Any]) -> Any:
    if not is_async(function):
        with contained():
            return taken(function(**keywords), len(keywords["completions"]))

    async def wait() -> Any:
        with contained():
            return taken(await function(**keywords), len(keywords["completions"]))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    with ThreadPoolExecutor(1) as thread:  # a loop can't be started inside another, such as a notebook's
        return thread.submit(asyncio.run, wait()).result()


def taken(given: Any, rows: int) -> Any:
    """What a reward gave back; a generator's values, which its code makes, maybe without end, as a list."""
    return list(itertools.islice(given, rows + 1)) if isinstance(given, Iterator) else given


def _culprit(
    function: RewardFunction,
    kind: type[BaseException],
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
        except KeyboardInterrupt:
            raise
        except BaseException:
            return None
    return None


def _number(name: str, value: Any, row: int, rows: Sequence[Row], weight: float) -> float:
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except Exception:  # of whatever class it is
        number = math.nan
    if abs(number) <= LARGEST and abs(number * weight) <= LARGEST:
        return number
    expected = EXPECTED
    if math.isfinite(number):
        expected = (
            f"a reward{'' if weight == 1 else f' times its weight {weight:g}'} lies within ±{LARGEST:g}"
        )
    found = RewardError(_problem(name, f"{_label(row, rows)} gave {_shown(value)}; {expected}"))
    found.row = row
    raise found


def _problem(name: str, what: str, hint: str = "") -> Problem:
    return Problem(f"reward '{name}'", what, hint)


def _label(row: int, rows: Sequence[Row]) -> str:
    identifier = rows[row].get("id")
    return f"row {row}" if identifier is None else f"row {row} ({identifier})"


def _shown(value: Any) -> str:
    """A value in a message; what is not a number may be text of a note, so only its kind is named."""
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:
        return f"an int of {int(value.bit_length() * math.log10(2)) + 1} digits"
    return f"{value}" if isinstance(value, int | float) or value is None else f"a {type(value).__name__}"


def _nothing(*_: Any) -> None:
    """Where TRL would log."""
