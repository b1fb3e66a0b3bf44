"""A stage in several processes, started by ``accelerate launch``.

Messages go through files and not through pipes, as the processes may be on other machines; they share the
run's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Problem, UserError
from ...process import KEEP_MEMORY
from ...reporter import PRINTER
from ...stages.contract import StageContext, StageSettings
from ...stages.shared.interrupt import STOP
from ...stages.shared.launch import Launch
from ...upstream.launch import ON_CPU, exit_code
from ..folder import LaunchFolder, StageFolder
from .failure import describe_exit
from .messages import Message, follow

_INTERVAL = 0.1  # seconds between looks for messages
_GRACE = 5.0  # seconds that are given to processes to end


@dataclass(frozen=True)
class Task:
    """What every process is given."""

    settings: StageSettings
    context: StageContext
    on_cpu: bool


def run_launched(settings: StageSettings, context: StageContext, launch: Launch, log: Path) -> dict[str, Any]:
    """``settings.run(context)`` in several processes at once; what the main one says is said here.

    Args:
        log: the file to which what launcher and libraries print is appended.

    Raises:
        UserError: as a process raised it, or ``launch.launcher_prefix`` can't be run.
        WorkError, KeyboardInterrupt: as :func:`~.messages.follow`; all processes have ended.
    """
    folder = StageFolder(context.folder).launch
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir()
    silent = dataclasses.replace(context, reporter=PRINTER)
    folder.task.write_bytes(pickle.dumps(Task(settings, silent, launch.on_cpu)))
    printed = log.stat().st_size if log.exists() else 0
    with log.open("ab") as stream, _launcher(settings, launch, folder, stream) as process:
        figures = follow(_Launched(process, folder, settings, log, printed), context)
    shutil.rmtree(folder.path)
    return figures


@contextlib.contextmanager
def _launcher(
    settings: StageSettings, launch: Launch, folder: LaunchFolder, log: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher at work; it is ended if anything goes wrong here."""
    how = settings.launch  # type: ignore[attr-defined]
    number = [] if how.processes is None else ["--num_processes", str(how.processes)]
    command = [*how.launcher_prefix, sys.executable, "-m", "scl_rl.runner.execute.launcher"]
    command += ["--config_file", str(launch.file), *number, *map(str, how.args)]
    command += ["--module", "scl_rl.runner.execute.worker", str(folder.path)]
    environment = {
        **KEEP_MEMORY,
        **os.environ,
        "PYTHONSAFEPATH": "1",  # no module of the working folder is meant
    }
    if launch.on_cpu:
        environment |= ON_CPU
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,  # closes with the runner
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # or a terminal's interrupt would end it
        )
    except OSError as error:
        raise UserError(
            Problem("launch.launcher_prefix", f"can't be run: {error.strerror}: {command[0]}")
        ) from None
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended, which its exit code will show
            process.stdin.write(b".")
            process.stdin.flush()
        yield process
    except BaseException:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        process.kill()
        raise
    finally:
        process.stdin.close()
        process.wait()


class _Launched:
    """The launcher and its processes as :func:`follow` sees them."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        folder: LaunchFolder,
        settings: StageSettings,
        log: Path,
        printed: int,
    ) -> None:
        self._process = process
        self._folder = folder
        self._settings = settings
        self._log = log
        self._printed = printed  # bytes of the log before the launcher began
        self._read = 0  # bytes of the messages passed on so far
        self._end: Message | None = None

    def messages(self) -> Iterator[Message]:
        """What the main process reports until the launcher ends, the stage's end last."""
        ended = False
        while not ended:
            ended = not self.alive()  # asked first: what comes before the end is read after it
            for line in self._lines():
                self._read += len(line)
                kind, content = json.loads(line)
                if kind == "done":
                    self._end = (kind, content)
                else:
                    yield kind, content
            if not ended:
                time.sleep(_INTERVAL)
        failures = [] if STOP.asked else [json.loads(file.read_bytes()) for file in self._folder.failures()]
        if self._end is None and failures:
            self._end = "failed", min(failures, key=lambda failure: failure["time"])
        if self._end is not None:
            yield self._end

    def _lines(self) -> list[bytes]:
        """The lines that are whole, and were not passed on yet."""
        if not self._folder.messages.exists():
            return []
        with self._folder.messages.open("rb") as stream:
            stream.seek(self._read)
            return [line for line in stream.readlines() if line.endswith(b"\n")]

    def alive(self) -> bool:
        """Whether the launcher is."""
        return self._process.poll() is None

    def stop(self) -> None:
        """By a file that every process looks for."""
        self._folder.stop.touch()

    def end(self) -> str:
        """By what the launcher printed: how its processes died, or why it could not start them."""
        with self._log.open("rb") as stream:
            stream.seek(self._printed)
            printed = stream.read().decode("utf-8", errors="replace")
        died = exit_code(printed)
        if died is not None:
            return describe_exit(died, self._settings.memory_hint)
        code = self._process.returncode
        lines = printed.strip().splitlines() or [signal.Signals(-code).name if code < 0 else "no message"]
        return f"accelerate launch ended with exit code {code}: {lines[-1].strip()}"
