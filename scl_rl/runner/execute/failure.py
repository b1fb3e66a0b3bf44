"""What went wrong in a stage, in words that say what to do."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from ...errors import WorkError

_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
_DISK = ("no space left on device", "disk quota exceeded", "os error 28", "os error 122")
_LEAST_FREE = 16_000_000  # bytes: what fails to be written with fewer left, fails for that


def in_words(error: BaseException, memory_hint: str, folder: Path) -> str:
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
        return f"the disk of {folder} is full ({free / 1e6:.0f} MB free): make room; the same command goes on"
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0]}"


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
