"""``python -m scl_rl.runner.execute.worker FOLDER``: one of the processes that train a launched stage."""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from ...atomic import write_json
from ...errors import UserError, WorkError
from ...modeling import ranks
from ...stages.contract import StageContext, StageSettings
from ...stages.shared.interrupt import STOP
from .distributed import FAILED, FIGURES, SAID, STOPPED, TASK, Said, Task
from .failure import in_words

_LOOK = 0.5  # seconds between looks at whether to go on


def main(folder: Path) -> None:
    """Do the stage's work together with the other processes; the first one says and returns how it went."""
    with (folder / TASK).open("rb") as stream:
        task: Task = pickle.load(stream)
    signal.signal(signal.SIGINT, lambda number, frame: STOP.ask())
    threading.Thread(target=_watch, args=(folder, os.getppid()), daemon=True).start()
    number = int(os.environ.get("RANK", "0"))
    try:
        _meet(task)
        figures = task.settings.run(_context(task, folder))
        if ranks.first():
            write_json(folder / FIGURES, figures)
        ranks.wait()
    except KeyboardInterrupt:
        _leave(1)
    except BaseException as error:
        _tell(folder / f"{FAILED}{number}.json", error, task.settings, task.context)
        _leave(1)
    _leave(0)


def _meet(task: Task) -> None:
    """Find the other processes.

    Raises:
        UserError: this machine has fewer GPUs than processes.
    """
    import torch
    from accelerate import PartialState

    gpus = torch.accelerator.device_count() if torch.accelerator.is_available() else 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if gpus < here and not task.on_cpu:
        what = f"launch: {here} processes for the {gpus} GPUs of this machine"
        hint = "set 'processes', or try it without GPUs, with config: cpu"
        raise UserError(f"stage '{task.context.name}': {what} ({hint})")
    state = PartialState(cpu=task.on_cpu, timeout=ranks.PATIENCE)
    if state.num_processes > 1:
        ranks.join()


def _context(task: Task, folder: Path) -> StageContext:
    """The stage's context, in which only the first process speaks and writes where it is seen."""
    if ranks.first():
        said = Said(folder / SAID)
        context = dataclasses.replace(task.context, say=said.say, progress=said.progress)
        ranks.wait()  # until the others have what they take along
        return context
    own = folder / f"process-{ranks.rank()}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    for name in task.settings.taken_along:
        if (task.context.folder / name).exists():
            shutil.copy(task.context.folder / name, own)
    ranks.wait()
    return dataclasses.replace(
        task.context, folder=own, first_folder=task.context.folder, say=_nothing, progress=_nothing
    )


def _nothing(line: str) -> None:
    """Say nothing."""


def _tell(file: Path, error: BaseException, settings: StageSettings, context: StageContext) -> None:
    """Leave word of what went wrong."""
    problems: list[Any] = []
    if isinstance(error, UserError):
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        what = ""
    else:
        known = isinstance(error, WorkError)
        what = str(error) if known else in_words(error, settings.memory_hint, context.folder)
    write_json(
        file, {"time": time.time(), "problems": problems, "what": what, "traceback": traceback.format_exc()}
    )


def _watch(folder: Path, launcher: int) -> None:
    """Pass on that somebody asked to stop, and end when the launcher is gone."""
    asked = False
    while True:
        time.sleep(_LOOK)
        if os.getppid() != launcher:
            os._exit(1)
        if not asked and (folder / STOPPED).exists():
            asked = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # it may be waiting


def _leave(code: int) -> None:
    """End at once: what a library does at the end may wait for a process that has failed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
