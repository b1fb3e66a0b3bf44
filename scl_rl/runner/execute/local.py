"""A stage in a process of its own: its memory is freed when it ends, and a crash takes nothing along."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import connection, get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...errors import WorkError
from ...process import KEEP_MEMORY, confined
from ...reporter import PRINTER
from ...stages.contract import StageContext, StageSettings
from ...stages.shared.interrupt import STOP, TERMINATIONS
from .failure import describe_exit
from .messages import Message, Sender, failure_of, follow

_PRELOADED = "scl_rl.runner.execute.preload"


def run_in_subprocess(settings: StageSettings, context: StageContext, log: Path) -> dict[str, Any]:
    """``settings.run(context)`` in a new process; what it says is said here.

    Where the system has a fork server, the heavy libraries are imported once, in the server, and every
    stage starts from there.

    Args:
        log: the file to which what libraries print is appended; an empty one is removed.

    Raises:
        UserError, WorkError, KeyboardInterrupt: as :func:`~.messages.follow`; the process has ended.
    """
    methods = get_all_start_methods()
    processes: Any = get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        processes.set_forkserver_preload([_PRELOADED])
    ours, theirs = processes.Pipe(duplex=False)
    silent = dataclasses.replace(context, reporter=PRINTER)  # what talks here can't be sent there
    process = processes.Process(
        target=_work, args=(settings, silent, dict(os.environ), theirs, log), name=f"scl-rl {context.name}"
    )
    try:
        with confined(KEEP_MEMORY):  # the fork server starts with the first, and keeps what it inherits
            process.start()
    except (EOFError, ConnectionError):
        raise WorkError("the process from which stages start was killed: run it again to resume") from None
    theirs.close()
    try:
        return follow(_Subprocess(process, ours, settings), context)
    except BaseException:
        process.kill()
        process.join()
        raise
    finally:
        ours.close()
        with contextlib.suppress(OSError):
            if not log.stat().st_size:
                log.unlink()


class _Subprocess:
    """The process as :func:`follow` sees it; messages come through a pipe."""

    def __init__(self, process: Any, pipe: Connection, settings: StageSettings) -> None:
        self._process = process
        self._pipe = pipe
        self._settings = settings

    def messages(self) -> Iterator[Message]:
        """Until it sent how it ended, or died."""
        kind = ""
        while kind not in ("done", "stopped", "failed"):
            try:
                message: Message = self._pipe.recv()
            except EOFError:
                self._process.join()
                return
            kind = message[0]
            if kind not in ("say", "progress"):
                self._process.join()
            yield message

    def alive(self) -> bool:
        """Whether the process is."""
        return bool(self._process.is_alive())

    def stop(self) -> None:
        """By SIGTERM."""
        self._process.terminate()

    def end(self) -> str:
        """By its exit code."""
        return describe_exit(self._process.exitcode, self._settings.memory_hint)


def _work(
    settings: StageSettings,
    context: StageContext,
    environment: dict[str, str],
    pipe: Connection,
    log: Path,
) -> None:
    """What the new process does: the stage, and telling how it went."""
    os.environ.update(environment)  # a fork server has that of its own start
    # One GPU: a trainer that sees more spreads its batches over them in threads; launch is there for that.
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    # A terminal sends its signals to every process; the runner passes them on, as SIGTERM.
    for number in (signal.SIGINT, *TERMINATIONS):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: STOP.ask())
    _watch_parent()
    sender = Sender(pipe.send)
    context = dataclasses.replace(context, reporter=sender)
    try:
        _redirect_output(log)
        pipe.send(("done", settings.run(context)))
    except KeyboardInterrupt:
        pipe.send(("stopped", None))
    except BaseException as error:
        pipe.send(("failed", failure_of(error, settings, context.folder)))


def _redirect_output(log: Path) -> None:
    """Send what libraries print to a file, be they written in Python or not."""
    with log.open("a") as stream, contextlib.suppress(OSError):
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    sys.stdout = sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _watch_parent() -> None:
    """End at once when the process that runs the recipe is gone: nobody would use the result."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
