"""What a stage that works in other processes tells the runner: the same messages by pipe and by file.

``say`` and ``progress`` have a line, ``done`` the stage's figures, ``failed`` what :func:`failure_of` makes
of an error, ``stopped`` nothing. The last three end the work.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

from ...errors import Problem, UserError, WorkError, file_problem
from ...stages.contract import StageContext, StageSettings
from ...stages.shared.interrupt import STOP
from .failure import describe_error

Message = tuple[Literal["say", "progress", "done", "stopped", "failed"], Any]


class RemoteTraceback(Exception):
    """The traceback of another process, as the cause of what is raised in this one."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Sender:
    """The stage's end: a reporter that sends every line to the runner."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def say(self, line: str) -> None:
        """Something that happened."""
        self._send(("say", line))

    def progress(self, line: str) -> None:
        """How far the work is."""
        self._send(("progress", line))


class Remote(Protocol):
    """The runner's end: a stage at work in other processes."""

    def messages(self) -> Iterator[Message]:
        """Every message not yet seen, until the work has ended. May be called again after an interrupt."""

    def alive(self) -> bool:
        """Whether it is still at work."""

    def stop(self) -> None:
        """Ask it to stop when it can resume from there."""

    def end(self) -> str:
        """How it ended, where it sent no result."""


def follow(remote: Remote, context: StageContext) -> dict[str, Any]:
    """Pass on what a stage says until it ends; its figures.

    An interrupt is passed on to the stage, which may finish what it is at; if that turns out to be all of
    its work, ``STOP.asked`` is set and its figures are returned. A second interrupt is raised at once.

    Raises:
        UserError: as the stage raised it.
        WorkError: the stage failed, with its own traceback as the cause, or died.
        KeyboardInterrupt: stopped by the user.
    """
    try:
        return _relay(remote, context)
    except KeyboardInterrupt:
        if not remote.alive():
            raise
        remote.stop()
        STOP.asked = True
        context.say(f"{context.name}: stopping; interrupt once more to stop at once")
        return _relay(remote, context)


def _relay(remote: Remote, context: StageContext) -> dict[str, Any]:
    for kind, content in remote.messages():
        if kind == "say":
            context.say(content)
        elif kind == "progress":
            context.progress(content)
        elif kind == "done":
            return dict(content)
        elif kind == "stopped":
            raise KeyboardInterrupt
        else:
            raise _error_of(content)
    if STOP.asked:  # before it could answer
        raise KeyboardInterrupt
    raise WorkError(remote.end())


def failure_of(error: BaseException, settings: StageSettings, folder: Path) -> dict[str, Any]:
    """An error as it is sent, while it is being handled.

    Args:
        folder: where the stage was writing.
    """
    of_file = file_problem(error)
    problems = error.problems if isinstance(error, UserError) else [of_file] if of_file else []
    return {
        "problems": [dataclasses.asdict(problem) for problem in problems],
        "what": "" if problems else describe_error(error, settings.memory_hint, folder),
        "traceback": traceback.format_exc(),
    }


def _error_of(failure: dict[str, Any]) -> Exception:
    """The error that :func:`failure_of` was given, to be raised here."""
    problems = [Problem(**{**problem, "at": tuple(problem["at"])}) for problem in failure["problems"]]
    error: Exception = UserError(*problems) if problems else WorkError(failure["what"])
    error.__cause__ = RemoteTraceback(failure["traceback"])
    return error
