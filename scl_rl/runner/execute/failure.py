"""What went wrong in a stage, in one line that says what to do."""

from __future__ import annotations

import errno
import shutil
import signal
from pathlib import Path

from ...errors import WorkError

_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
_DISK = ("no space left on device", "disk quota exceeded", "os error 28", "os error 122")
_LEAST_FREE = 16_000_000  # bytes: what fails to be written with fewer left, fails for that


def describe_error(error: BaseException, memory_hint: str, folder: Path) -> str:
    """One line about an error that was not foreseen.

    Args:
        memory_hint: what to do if there was too little memory.
        folder: where the stage was writing.
    """
    if isinstance(error, WorkError):
        return str(error)
    if _of_memory(error):
        return f"out of memory: {memory_hint}"
    if disk_is_full(error, folder):
        free = shutil.disk_usage(folder).free
        full = f"the disk of {folder} is full ({free / 1e6:.0f} MB free)"
        return f"{full}: make room and run it again to resume"
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0]}"


def describe_exit(code: int, memory_hint: str) -> str:
    """One line about a process that ended without a result.

    Args:
        code: its exit code; a negative one is the number of the signal that killed it.
        memory_hint: what to do if there was too little memory.
    """
    if code >= 0:
        return f"its process ended with exit code {code} and no result"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    advice = f"; out of memory? {memory_hint}" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{advice}"


def disk_is_full(error: BaseException, folder: Path) -> bool:
    """Whether an error came from there being no room left; libraries say so in many ways, or not at all."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if any(words in str(error).lower() for words in _DISK):
        return True
    return isinstance(error, RuntimeError | OSError) and shutil.disk_usage(folder).free < _LEAST_FREE


def _of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY)
