"""A reward's code kept to itself: it gets data of its own, prints nothing, and can't end the process."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHOW_OUTPUT = "SCL_RL_SHOW_REWARD_OUTPUT"
"""The environment variable that lets through what rewards print, warn, log and raise."""


def output_shown() -> bool:
    """Whether the user asked to see what rewards print and raise, though it may quote notes."""
    return os.environ.get(SHOW_OUTPUT, "") not in ("", "0")


def own_copy(value: Any, copies: dict[int, Any] | None = None) -> Any:
    """Lists and dicts copied all the way down; what occurs several times is copied once and stays shared.

    Everything else is handed on as it is: text and numbers can't be changed, and images are too large.
    """
    copies = {} if copies is None else copies
    if not isinstance(value, list | dict):
        return value
    if id(value) in copies:
        return copies[id(value)]
    if isinstance(value, list):
        items: list[Any] = []
        copies[id(value)] = items
        items += [own_copy(v, copies) if isinstance(v, list | dict) else v for v in value]
        return items
    pairs: dict[Any, Any] = {}
    copies[id(value)] = pairs
    pairs.update((k, own_copy(v, copies) if isinstance(v, list | dict) else v) for k, v in value.items())
    return pairs


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """While a reward runs: what it prints, warns or logs goes nowhere, and ``os._exit`` raises SystemExit.

    Subprocesses are silent as well. Several threads and coroutines may be inside at once: the first one that
    comes in closes the outputs, and the last one that leaves opens them.
    """
    _CONTAINMENT.enter()
    try:
        yield
    finally:
        _CONTAINMENT.leave()


class _Containment:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: list[int] = []  # threads, as often as they are inside
        self._restore = contextlib.ExitStack()

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                with contextlib.ExitStack() as stack:
                    self._close(stack)
                    self._restore = stack.pop_all()
            self._inside.append(threading.get_ident())

    def leave(self) -> None:
        with self._lock:
            self._inside.remove(threading.get_ident())
            if not self._inside:
                self._restore.close()

    def _close(self, stack: contextlib.ExitStack) -> None:
        stack.callback(setattr, os, "_exit", os._exit)
        setattr(os, "_exit", self._exit(os._exit, os.getpid()))  # noqa: B010 - mypy knows what it was
        if output_shown():
            return
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        for number in (1, 2):
            _point_elsewhere(number, nowhere.fileno(), stack)
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")

    def _exit(self, really: Any, process: int) -> Any:
        def leave(code: int) -> None:
            if os.getpid() == process and threading.get_ident() in self._inside:
                raise SystemExit(code)
            really(code)  # a process that the reward forked, or a thread that is not the reward's

        return leave


def _point_elsewhere(number: int, target: int, stack: contextlib.ExitStack) -> None:
    """Let a file descriptor point to another file until the stack is closed."""
    with contextlib.suppress(OSError):  # the descriptor is closed
        _flush()
        kept = os.dup(number)
        os.dup2(target, number)
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, number)
        stack.callback(_flush)  # what is still in a buffer goes where it was written to


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            stream.flush()  # type: ignore[union-attr]


_CONTAINMENT = _Containment()
