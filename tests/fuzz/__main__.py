"""``python -m tests.fuzz [COMMAND]...``: hostile inputs for ``FUZZ_SECONDS``, counted in a JSON file.

``FUZZ_SEED`` is the first seed; a random one if it is not set.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .commands import COMMANDS
from .oracle import Case, ViolationError, run

SECONDS = float(os.environ.get("FUZZ_SECONDS", "1200"))
OUT = Path("build/fuzz.json")
KEPT = Path("build/fuzz")
_MEMORY = 6 * 2**30  # bytes of address space: what takes more is a violation
_ROUND = 25  # inputs of one command before the next one's turn


def main(commands: list[str]) -> int:
    """Try inputs until the time is over; 1 if any of them violated the oracle.

    Args:
        commands: names in :data:`COMMANDS`; all if there are none.
    """
    commands = commands or list(COMMANDS)
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.RLIM_INFINITY))
    first = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    end = time.monotonic() + SECONDS
    tried: dict[str, Counter[str]] = {command: Counter() for command in commands}
    violations: list[dict[str, Any]] = []
    shutil.rmtree(KEPT, ignore_errors=True)
    for number in itertools.count(first):
        for command in commands:
            _round(command, number, tried[command], violations, end)
        if time.monotonic() > end:
            break
    shutil.rmtree(KEPT / "running", ignore_errors=True)
    report = {
        "seconds": SECONDS,
        "first_seed": first,
        "inputs": sum(counts.total() for counts in tried.values()),
        "by_command": {command: dict(sorted(counts.items())) for command, counts in tried.items()},
        "violations": violations,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{report['inputs']:,} inputs tried, {len(violations)} violations: {OUT}")
    return 1 if violations else 0


def _round(
    command: str, number: int, tried: Counter[str], violations: list[dict[str, Any]], end: float
) -> None:
    make, _ = COMMANDS[command]

    @seed(number)
    @settings(
        max_examples=_ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        case = make(data.draw)
        if time.monotonic() > end:
            return
        with tempfile.TemporaryDirectory() as folder:
            kept = _keep(case, "running")  # what a library that takes the process down leaves behind
            try:
                tried[f"exit code {run(case, Path(folder))}"] += 1
            except ViolationError as error:
                tried["violation"] += 1
                violations.append(
                    {
                        "command": command,
                        "seed": number,
                        "files": kept.rename(KEPT / str(len(violations))).as_posix(),
                        "what": str(error),
                    }
                )
                print(error, file=sys.stderr)

    attack()


def _keep(case: Case, number: str) -> Path:
    """Keep the files of a case, to be looked into."""
    folder = KEPT / number
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "command.txt").write_text(f"scl-rl {' '.join(map(repr, case.args))}\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
