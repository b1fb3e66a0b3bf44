"""The tools that watch over the code see all of it, ``reward/`` too: each finds a mistake planted there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import HOME

BIN = Path(sys.executable).parent
LIGHT = ["answer", "cli", "corpus", "icd", "preflight", "probe", "recipe", "reward", "rewards_api", "scoring"]


def call(*command, cwd=HOME):
    return subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path):
    """The sources with the settings of the tools, to plant a mistake in."""
    for name in ("scl_rl", "reward"):
        shutil.copytree(
            HOME / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(HOME / "setup.cfg", tmp_path)
    return tmp_path


def plant(path, line):
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"\n\n{line}\n")


def test_imports_point_down_without_circles():
    done = call(BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken", "named"),
    [
        (
            "scl_rl/scoring/match.py",
            "from ..reward.evidence import evidence",
            "Imports point down, from room to room",
            "scl_rl.scoring.match -> scl_rl.reward.evidence",
        ),
        (
            "reward/claims.py",
            "import torch",
            "Light rooms don't import torch and its like themselves",
            "scl_rl.reward.claims -> torch",
        ),
        (
            "reward/claims.py",
            "from .evidence import evidence",
            "No room, and no two modules of one room, import each other",
            "scl_rl.reward",
        ),
        (
            "scl_rl/stages/grpo/settings.py",
            "def _later():\n    from . import work",
            "Settings of a stage import neither its work nor what only training needs",
            "scl_rl.stages.grpo.settings -> scl_rl.stages.grpo.work",
        ),
    ],
)
def test_a_planted_import_is_found(copy, file, line, broken, named):
    plant(copy / file, line)
    done = call(BIN / "lint-imports", "--no-cache", cwd=copy)
    assert done.returncode == 1
    assert f"{broken} BROKEN" in done.stdout and named in done.stdout, done.stdout


@pytest.mark.slow
def test_a_planted_type_error_is_found(copy):
    plant(copy / "reward" / "claims.py", 'PLANTED: int = "text"')
    done = call(sys.executable, "-m", "mypy", cwd=copy)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and lines[0].startswith("scl_rl/reward/claims.py:"), done.stdout + done.stderr


def test_coverage_sees_the_rewards(tmp_path):
    options = ["--rcfile", HOME / "setup.cfg", "--data-file", tmp_path / "data"]
    code = "from scl_rl.reward.claims import f_beta; f_beta(1, 1, 1, 1)"
    (tmp_path / "measured.py").write_text(code)
    call(sys.executable, "-m", "coverage", "run", *options, tmp_path / "measured.py")
    call(sys.executable, "-m", "coverage", "combine", *options, tmp_path)
    done = call(sys.executable, "-m", "coverage", "report", *options, "--fail-under=0")
    assert "reward/claims.py" in done.stdout.replace("\\", "/"), done.stdout + done.stderr


def test_light_rooms_import_nothing_heavy():
    code = """
import importlib, pkgutil, sys
import scl_rl
rooms = [importlib.import_module(f"scl_rl.{name}") for name in sys.argv[1:]]
for room in rooms:
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
heavy = {"accelerate", "datasets", "peft", "torch", "transformers", "trl"} & set(sys.modules)
assert not heavy, heavy
"""
    done = call(sys.executable, "-c", code, *LIGHT)
    assert done.returncode == 0, done.stderr
