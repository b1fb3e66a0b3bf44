"""``python -m scl_rl.runner.execute.worker FOLDER``: one of the processes that train a launched stage."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from ...atomic import write_json
from ...errors import UserError
from ...modeling import ranks
from ...process import UMASK
from ...reporter import QUIET
from ...stages.contract import StageContext
from ...stages.shared.interrupt import STOP
from ..folder import LaunchFolder
from .distributed import Task
from .messages import Message, Sender, failure_of

_INTERVAL = 0.5  # seconds between checks whether to stop


def main(folder: LaunchFolder) -> None:
    """Do the stage's work together with the other processes; the main one reports and sends the figures."""
    os.umask(UMASK)  # on another machine it is not inherited
    with folder.task.open("rb") as stream:
        task: Task = pickle.load(stream)
    signal.signal(signal.SIGINT, lambda number, frame: STOP.ask())
    threading.Thread(target=_watch_parent, args=(folder, os.getppid()), daemon=True).start()
    try:
        _join_group(task)
        figures = task.settings.run(_context(task, folder))
        if ranks.is_main_process():
            _send(folder, ("done", figures))
        ranks.wait_for_everyone()
    except KeyboardInterrupt:
        _exit_now(1)
    except BaseException as error:
        _report_failure(folder, error, task)
        _exit_now(1)
    _exit_now(0)


def _join_group(task: Task) -> None:
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
    state = PartialState(cpu=task.on_cpu, timeout=ranks.RENDEZVOUS_TIMEOUT)
    if state.num_processes > 1:
        ranks.join()


def _context(task: Task, folder: LaunchFolder) -> StageContext:
    """The stage's context, in which only the main process reports and writes where it is seen."""
    if ranks.is_main_process():
        sender = Sender(lambda message: _send(folder, message))
        context = dataclasses.replace(task.context, reporter=sender)
        ranks.wait_for_everyone()  # until the others have what they take along
        return context
    own = folder.process(ranks.rank())
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    for name in task.settings.taken_along:
        if (task.context.folder / name).exists():
            shutil.copy(task.context.folder / name, own)
    ranks.wait_for_everyone()
    return dataclasses.replace(task.context, folder=own, first_folder=task.context.folder, reporter=QUIET)


def _send(folder: LaunchFolder, message: Message) -> None:
    """One line: the runner reads whole lines only."""
    with folder.messages.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(message) + "\n")


def _report_failure(folder: LaunchFolder, error: BaseException, task: Task) -> None:
    rank = int(os.environ.get("RANK", "0"))
    failure = failure_of(error, task.settings, task.context.folder)
    write_json(folder.failure(rank), {"time": time.time(), **failure})


def _watch_parent(folder: LaunchFolder, launcher: int) -> None:
    """Pass on that somebody asked to stop, and end when the launcher is gone."""
    asked = False
    while True:
        time.sleep(_INTERVAL)
        if os.getppid() != launcher:
            os._exit(1)
        if not asked and folder.stop.exists():
            asked = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # it may be waiting


def _exit_now(code: int) -> None:
    """End at once: what a library does at the end may wait for a process that has failed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(LaunchFolder(Path(sys.argv[1])))
