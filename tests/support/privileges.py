"""Processes that the file system's permissions bind, even where the tests run as root."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_DROP = 24  # prctl's PR_CAPBSET_DROP
_OVERRIDES = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


def bound(environment: dict[str, str] | None = None) -> Callable[[Sequence[str], Path], tuple[int, str]]:
    """A function that runs ``scl-rl`` with arguments in a folder: its exit code, and what is on stderr."""
    if sys.platform != "linux":
        pytest.skip("needs Linux's capabilities")
    libc = ctypes.CDLL(None)

    def drop() -> None:
        for capability in _OVERRIDES if os.geteuid() == 0 else ():
            libc.prctl(_DROP, capability)

    def call(args: Sequence[str], folder: Path) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from scl_rl.cli.main import main; main()", *args],
            cwd=folder,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=drop,
        )
        return done.returncode, done.stderr

    return call
