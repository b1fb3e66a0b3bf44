"""How ``accelerate launch`` is started, and what it tells its processes and prints of their end."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

ON_CPU: Mapping[str, str] = {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
"""The environment in which processes use no GPU, even where there is one. Holds for accelerate 1.15."""

_EXIT_CODE = re.compile(r"exitcode\s*:\s*(-?\d+)")


def launch() -> None:
    """Run ``accelerate launch`` with this process's arguments.

    Relies on where the command's function is. Holds for accelerate 1.15.
    """
    from accelerate.commands.launch import main

    main()


def sharded() -> bool:
    """Whether the launcher told this process to hold a part of the weights only (FSDP, ZeRO-3).

    Relies on three environment variables by which the launcher hands a config on. Holds for accelerate 1.15.
    """
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        return True
    zero = os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true"
    return zero and os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3"


def exit_code(printed: str) -> int | None:
    """The exit code of the process that ended first, from what a launcher printed; None if it says none.

    Relies on the report that torch's elastic agent prints; its last entry is of the first failure.
    Holds for torch 2.13.
    """
    codes = _EXIT_CODE.findall(printed)
    return int(codes[-1]) if codes else None
