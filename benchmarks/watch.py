"""How long a command takes, and how much memory all its processes take together."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil

_LONGEST_LOOK = 2.0  # seconds; what takes longer was a stop


class Watched(NamedTuple):
    """What a command took.

    Attributes:
        cpu_seconds: processor time of all its processes, which other work on the machine hardly changes.
        seconds: wall time, start and end of the command included; not while it was stopped together with us.
        peak_memory: bytes, at the highest moment that was looked at (PSS on Linux, where shared pages count
            once; RSS elsewhere).
        output: what it printed; empty if that was not asked for.
    """

    seconds: float
    cpu_seconds: float
    peak_memory: int
    output: str


def watched(command: Sequence[object], every: float = 2.0, keep_output: bool = False) -> Watched:
    """Run a command, and look at its processes every so many seconds.

    Args:
        keep_output: of a command that prints little; else its output goes where ours does.

    Raises:
        SystemExit: it failed.
    """
    seconds, peak, before = 0.0, 0, time.monotonic()
    cpu_before = _cpu()
    stdout = subprocess.PIPE if keep_output else None
    with subprocess.Popen([str(part) for part in command], stdout=stdout, text=True) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _memory(root))
            time.sleep(every)
            now = time.monotonic()
            seconds += min(now - before, every + _LONGEST_LOOK)
            before = now
        output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        sys.exit(process.returncode)
    return Watched(seconds, _cpu() - cpu_before, peak, output)


def _cpu() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(root: psutil.Process) -> int:
    """Bytes of a process and its descendants at this moment."""
    total = 0
    try:
        for process in (root, *root.children(recursive=True)):
            try:
                found = process.memory_full_info()
                total += getattr(found, "pss", found.rss)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # it ended between the two calls
    except psutil.NoSuchProcess:
        pass
    return total
