"""A stage in a process of its own: its memory goes back when it ends, and a crash takes nothing along."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing import connection, get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

from ..errors import UserError, WorkError
from ..stages.base import StageContext, StageSettings

_GRACE = 20  # seconds that an interrupted stage has for tidying up
_PRELOADED = "scl_rl.runner.preload"


class _ElsewhereError(Exception):
    """The traceback of the other process, as the cause of what is raised in this one."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def run_apart(settings: StageSettings, context: StageContext) -> dict[str, Any]:
    """``settings.run(context)`` in a new process; what it says is said here.

    Where the system has a fork server, the heavy libraries are imported once, in the server, and every
    stage starts from there.

    Raises:
        UserError: as the stage raised it.
        WorkError: the stage failed, with the other process's traceback as its cause, or was killed.
        KeyboardInterrupt: stopped by the user; the stage was told and has ended.
    """
    methods = get_all_start_methods()
    processes: Any = get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        processes.set_forkserver_preload([_PRELOADED])
    ours, theirs = processes.Pipe(duplex=False)
    silent = dataclasses.replace(context, say=print)  # what says something here can't be sent there
    process = processes.Process(
        target=_work, args=(settings, silent, dict(os.environ), theirs), name=f"scl-rl {context.name}"
    )
    process.start()
    theirs.close()
    try:
        return _listen(ours, context.say, process)
    except BaseException:
        _stop(process)
        raise
    finally:
        ours.close()


def _listen(messages: Connection, say: Callable[[str], None], process: Any) -> dict[str, Any]:
    while True:
        try:
            kind, *content = messages.recv()
        except EOFError:
            process.join()
            raise WorkError(_how_it_died(process.exitcode)) from None
        if kind == "say":
            say(content[0])
            continue
        process.join()
        if kind == "done":
            return dict(content[0])
        if kind == "stopped":
            raise KeyboardInterrupt
        error, told = content
        raise error from _ElsewhereError(told)


def _how_it_died(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code} and no result"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    advice = "; out of memory? lower per_device_train_batch_size or batch_size" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{advice}"


def _stop(process: Any) -> None:
    """Let the stage tidy up; a second interrupt, or patience at its end, kills it."""
    if process.is_alive():
        process.terminate()
        with contextlib.suppress(KeyboardInterrupt):
            process.join(_GRACE)
    if process.is_alive():
        process.kill()
        process.join()


def _work(
    settings: StageSettings, context: StageContext, environment: dict[str, str], results: Connection
) -> None:
    """What the new process does: the stage, and telling how it went."""
    os.environ.update(environment)  # a fork server has that of its own start
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the runner passes it on
    signal.signal(signal.SIGTERM, _stop_here)
    sys.stdout = sys.stderr  # what libraries print is not our output
    _end_with_parent()
    context = dataclasses.replace(context, say=lambda line: results.send(("say", line)))
    try:
        results.send(("done", settings.run(context)))
    except KeyboardInterrupt:
        results.send(("stopped",))
    except (UserError, WorkError) as error:
        results.send(("failed", error, traceback.format_exc()))
    except BaseException as error:
        lines = str(error).strip().splitlines() or ["no message"]
        told = WorkError(f"{type(error).__name__}: {lines[0]}")
        results.send(("failed", told, traceback.format_exc()))


def _stop_here(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """End at once when the process that runs the recipe is gone: nobody would take up the result."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
