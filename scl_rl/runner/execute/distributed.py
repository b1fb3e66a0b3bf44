"""A stage in several processes: started by ``accelerate launch``, told by files what to do and when to stop.

Files, and not pipes, for the processes may be on other machines; they share the run's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Problem, UserError, WorkError
from ...stages.contract import StageContext, StageSettings
from ...stages.shared.interrupt import STOP
from ...stages.shared.launch import Launch
from .local import ElsewhereError, how_it_died, say_stopping

LAUNCH = "launch"  # in the stage's partial folder; what the processes are told and tell
TASK = "task.pickle"
SAID = "said.jsonl"  # by the first process
FIGURES = "figures.json"
FAILED = "failed-"  # and the number of the process
STOPPED = "stop"
_LOOK = 0.1  # seconds between looks at what was said
_SHORT = 5.0  # seconds that are given to processes to end
_EXIT_CODE = re.compile(r"exitcode\s*:\s*(-?\d+)")


@dataclass(frozen=True)
class Task:
    """What every process is given."""

    settings: StageSettings
    context: StageContext
    on_cpu: bool


class Said:
    """What the first process says, line by line, for the runner to pass on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, line: str) -> None:
        """Something that happened."""
        self._write("say", line)

    def progress(self, line: str) -> None:
        """How far it is."""
        self._write("progress", line)

    def _write(self, kind: str, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([kind, line]) + "\n")


def run_launched(settings: StageSettings, context: StageContext, launch: Launch, log: Path) -> dict[str, Any]:
    """``settings.run(context)`` in several processes at once; what the first one says is said here.

    An interrupt is passed on, as in :func:`~.process.run_apart`.

    Args:
        log: the file to which what launcher and libraries print is appended.

    Raises:
        UserError: as a process raised it.
        WorkError: a process failed or was killed, or none could be started.
        KeyboardInterrupt: stopped by the user; all processes have ended.
    """
    folder = context.folder / LAUNCH
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    silent = dataclasses.replace(context, say=print, progress=print)
    (folder / TASK).write_bytes(pickle.dumps(Task(settings, silent, launch.on_cpu)))
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as stream, _launcher(settings, launch, folder, stream) as process:
        try:
            _listen(process, context, folder)
        except KeyboardInterrupt:
            if process.poll() is not None:
                raise
            (folder / STOPPED).touch()
            say_stopping(context)
            _listen(process, context, folder)
    figures = folder / FIGURES
    if figures.exists():
        found = json.loads(figures.read_text(encoding="utf-8"))
        shutil.rmtree(folder)
        return dict(found)
    if STOP.asked:
        raise KeyboardInterrupt
    raise _failure(process.returncode, settings, folder, log, before)


@contextlib.contextmanager
def _launcher(
    settings: StageSettings, launch: Launch, folder: Path, log: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher at work; it is ended if anything goes wrong here."""
    how = settings.launch  # type: ignore[attr-defined]
    number = [] if how.processes is None else ["--num_processes", str(how.processes)]
    command = [*how.through, sys.executable, "-m", "scl_rl.runner.execute.launcher"]
    command += ["--config_file", str(launch.file), *number, *map(str, how.args)]
    command += ["--module", "scl_rl.runner.execute.worker", str(folder)]
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}  # no module of the working folder is meant
    if launch.on_cpu:
        environment |= {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
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
        raise UserError(Problem("launch.through", f"can't be run: {error.strerror}: {command[0]}")) from None
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended, which _listen will see
            process.stdin.write(b".")
            process.stdin.flush()
        yield process
    except BaseException:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SHORT)
        process.kill()
        raise
    finally:
        process.stdin.close()
        process.wait()


def _listen(process: subprocess.Popen[bytes], context: StageContext, folder: Path) -> None:
    """Pass on what is said until the launcher ends."""
    read = 0
    while True:
        ended = process.poll() is not None  # asked first: what comes before the end is read after it
        lines = b""
        with contextlib.suppress(FileNotFoundError), (folder / SAID).open("rb") as stream:
            stream.seek(read)
            lines = stream.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        read += len(lines)
        for kind, line in map(json.loads, lines.splitlines()):
            (context.say if kind == "say" else context.progress)(line)
        if ended:
            return
        time.sleep(_LOOK)


def _failure(code: int, settings: StageSettings, folder: Path, log: Path, before: int) -> Exception:
    """What went wrong first: in a process, or in starting them."""
    told = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob(f"{FAILED}*.json")]
    if told:
        first = min(told, key=lambda failure: failure["time"])
        problems = [Problem(**problem) for problem in first["problems"]]
        error: Exception = UserError(*problems) if problems else WorkError(first["what"])
        error.__cause__ = ElsewhereError(first["traceback"])
        return error
    with log.open("rb") as stream:
        stream.seek(before)
        printed = stream.read().decode("utf-8", errors="replace")
    codes = _EXIT_CODE.findall(printed)
    if codes:  # the launcher's own account; the last one is of the process that ended first
        return WorkError(how_it_died(int(codes[-1]), settings))
    lines = printed.strip().splitlines() or [signal.Signals(-code).name if code < 0 else "no message"]
    return WorkError(f"accelerate launch ended with exit code {code}: {lines[-1].strip()}")
