"""A stage in a process of its own: its memory goes back when it ends, and a crash takes nothing along."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import threading
import traceback
from multiprocessing import connection, get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...errors import UserError, WorkError
from ...stages.contract import StageContext, StageSettings
from ...stages.shared.interrupt import STOP
from .failure import in_words

_PRELOADED = "scl_rl.runner.execute.preload"


class ElsewhereError(Exception):
    """The traceback of the other process, as the cause of what is raised in this one."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def run_apart(settings: StageSettings, context: StageContext, log: Path) -> dict[str, Any]:
    """``settings.run(context)`` in a new process; what it says is said here.

    Where the system has a fork server, the heavy libraries are imported once, in the server, and every
    stage starts from there. An interrupt is passed on to the stage, which may finish what it is at; if that
    turns out to be all of its work, ``STOP.asked`` tells so. A second interrupt kills it.

    Args:
        log: the file to which what libraries print is appended.

    Raises:
        UserError: as the stage raised it.
        WorkError: the stage failed, with the other process's traceback as its cause, or was killed.
        KeyboardInterrupt: stopped by the user; the stage has ended.
    """
    methods = get_all_start_methods()
    processes: Any = get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        processes.set_forkserver_preload([_PRELOADED])
    ours, theirs = processes.Pipe(duplex=False)
    silent = dataclasses.replace(context, say=print, progress=print)  # what talks here can't be sent there
    process = processes.Process(
        target=_work, args=(settings, silent, dict(os.environ), theirs, log), name=f"scl-rl {context.name}"
    )
    process.start()
    theirs.close()
    try:
        try:
            return _listen(ours, context, process, settings)
        except KeyboardInterrupt:
            if not process.is_alive():
                raise
            process.terminate()
            say_stopping(context)
            return _listen(ours, context, process, settings)
    except BaseException:
        process.kill()
        process.join()
        raise
    finally:
        ours.close()


def say_stopping(context: StageContext) -> None:
    """Note that the stage was asked to stop, and tell the user."""
    STOP.asked = True
    context.say(f"{context.name}: stopping; interrupt once more to stop at once")


def _listen(
    messages: Connection, context: StageContext, process: Any, settings: StageSettings
) -> dict[str, Any]:
    while True:
        try:
            kind, *content = messages.recv()
        except EOFError:
            process.join()
            if STOP.asked:  # before it could answer
                raise KeyboardInterrupt from None
            raise WorkError(how_it_died(process.exitcode, settings)) from None
        if kind in ("say", "progress"):
            (context.say if kind == "say" else context.progress)(content[0])
            continue
        process.join()
        if kind == "done":
            return dict(content[0])
        if kind == "stopped":
            raise KeyboardInterrupt
        error, told = content
        raise error from ElsewhereError(told)


def how_it_died(code: int, settings: StageSettings) -> str:
    """The end of a process that gave no result, in words; a negative code is that of a signal."""
    if code >= 0:
        return f"its process ended with exit code {code} and no result"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    advice = f"; out of memory? {settings.memory_hint}" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{advice}"


def _work(
    settings: StageSettings,
    context: StageContext,
    environment: dict[str, str],
    results: Connection,
    log: Path,
) -> None:
    """What the new process does: the stage, and telling how it went."""
    os.environ.update(environment)  # a fork server has that of its own start
    # One GPU: a trainer that sees more spreads its batches over them in threads; launch is there for that.
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the runner passes it on
    signal.signal(signal.SIGTERM, lambda number, frame: STOP.ask())
    _end_with_parent()

    def send(*message: Any) -> None:
        results.send(message)

    context = dataclasses.replace(
        context, say=lambda line: send("say", line), progress=lambda line: send("progress", line)
    )
    try:
        _print_into(log)
        send("done", settings.run(context))
    except KeyboardInterrupt:
        send("stopped")
    except (UserError, WorkError) as error:
        send("failed", error, traceback.format_exc())
    except BaseException as error:
        send(
            "failed", WorkError(in_words(error, settings.memory_hint, context.folder)), traceback.format_exc()
        )


def _print_into(log: Path) -> None:
    """Send what libraries print to a file, be they written in Python or not."""
    with log.open("a") as stream, contextlib.suppress(OSError):
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    sys.stdout = sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _end_with_parent() -> None:
    """End at once when the process that runs the recipe is gone: nobody would take up the result."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
