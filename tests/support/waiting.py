"""Waiting for other processes, for tests that start some."""

import time
from collections.abc import Callable
from pathlib import Path


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds; fail if it takes longer."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
