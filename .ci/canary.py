#!/usr/bin/env python3
"""Run the tests on the newest releases of the libraries: within the bounds of setup.cfg, then beyond.

In an environment of its own (``build/canary``). torch stays as pinned: newer ones bring several GB of CUDA
packages. First tests/upstream, which says in words what changed in a library, then the fast tests.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
PLACE = HOME / "build" / "canary"
PYTHON = PLACE / "bin" / "python"
BEYOND = "beyond the bounds"


def main() -> int:
    """The number of environments in which a test failed."""
    pinned = dict(line.split("==") for line in _lines(HOME / "constraints.txt"))
    venv.create(PLACE, clear=True, with_pip=True)
    _pip("install", f"torch=={pinned['torch']}")
    before: dict[str, str] = {}
    failed = 0
    for which, requirements in (("within the bounds", _required()), (BEYOND, _without_bounds(_required()))):
        _pip("install", "--upgrade", *requirements)
        _pip("install", "--no-deps", "--editable", str(HOME))
        now = _installed()
        if now == before:
            print(f"canary: nothing newer {which}")
            continue
        known = before or pinned
        news = [
            f"{name} {known.get(name, 'new')} -> {now[name]}"
            for name in sorted(now)
            if now[name] != known.get(name)
        ]
        print(f"canary: newest {which}: {', '.join(news)}", flush=True)
        before = now
        for tests in (["tests/upstream"], ["-m", "not slow", "--ignore", "tests/upstream"]):
            if _test(tests):
                failed += 1
                print(f"canary: failed {which}", flush=True)
                break
    return failed


def _required() -> list[str]:
    """What setup.cfg requires to work and to test, but for torch."""
    config = configparser.ConfigParser()
    config.read(HOME / "setup.cfg")
    texts = config["options"]["install_requires"], config["options.extras_require"]["dev"]
    return [line for text in texts for line in text.split("\n") if line and not line.startswith("torch>")]


def _without_bounds(requirements: list[str]) -> list[str]:
    return [re.split(r"[<>=!~]", requirement)[0] for requirement in requirements]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]


def _installed() -> dict[str, str]:
    listed = subprocess.run(
        [PYTHON, "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, check=True
    )
    return {
        entry["name"]: entry["version"] for entry in json.loads(listed.stdout) if entry["name"] != "scl-rl"
    }


def _pip(*arguments: str) -> None:
    subprocess.run([PYTHON, "-m", "pip", "--quiet", *arguments], check=True)


def _test(arguments: list[str]) -> int:
    command = [PYTHON, "-m", "pytest", "--numprocesses", "auto", "--maxprocesses", "4", *arguments]
    return subprocess.run(
        command, cwd=HOME, env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
