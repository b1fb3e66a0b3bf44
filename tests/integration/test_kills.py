"""A run that is killed again and again ends as one that never was."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch")

from tests.support.tiny import make_tiny_model

KILLS = int(os.environ.get("SCL_RL_KILLS", "20"))
TRAINER = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "save_steps": 1}
CHECKED = {"eval_steps": 4, "eval_documents": 2, "max_new_tokens": 200}
RECIPE = {
    "name": "killed",
    "model": {"name": "./tiny", "dtype": "float32"},
    "data": {"source": "synthetic", "codes": 6, "documents": 12, "code_only": 0, "dev": 2, "test": 2},
    "stages": {
        "sft": {"kind": "sft", "tokens": 40000, "peft": {"r": 4}, "trainer": TRAINER},
        "pairs": {"kind": "pairs", "from": "sft", "samples": 0, "negatives": ["dropped", "sibling"]},
        "dpo": {"kind": "dpo", "from": "pairs", "num_train_epochs": 4, "trainer": TRAINER, **CHECKED},
    },
}
ENDS = "stages/dpo/model/adapter_model.safetensors"


def run(folder: Path, seconds: float | None = None, checkpoints: int | None = None) -> tuple[bool, float]:
    """Run the recipe, or kill all of its processes after so many seconds, or so many new checkpoints.

    Returns:
        Whether it was killed, and after how many seconds there was a new checkpoint.
    """
    began, first = time.monotonic(), math.inf
    before, new = signed(folder), set()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", "from scl_rl.cli.main import main; main()", "run", "killed.yaml"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None:
            passed = time.monotonic() - began
            new |= signed(folder) - before
            first = min(first, passed) if new else first
            if passed > (seconds or math.inf) or len(new) >= (checkpoints or math.inf):
                os.killpg(process.pid, signal.SIGKILL)
                return True, first
            time.sleep(0.005)
    assert process.returncode == 0
    return False, first


def signed(folder: Path) -> set[Path]:
    """The checkpoints that are whole."""
    return set(folder.glob("runs/killed/stages/*/checkpoints/*/whole.json"))


def place(folder: Path) -> Path:
    folder.mkdir()
    make_tiny_model(folder / "tiny")
    (folder / "killed.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    return folder


def finished(folder: Path) -> dict[str, int]:
    """The stages that are done, and when each was."""
    found = (folder / "runs/killed/stages").glob("[!.]*/figures.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_the_same(tmp_path):
    whole, killed = place(tmp_path / "whole"), place(tmp_path / "killed")
    _, start = run(whole)
    rng = random.Random(0)
    done: dict[str, int] = {}
    for attempt in range(KILLS):
        if attempt % 2:
            hit, first = run(killed, seconds=rng.uniform(0, start))  # most of it is starting
        else:
            hit, first = run(killed, checkpoints=rng.randint(1, 4))
        assert hit, "it came to its end before"
        start = min(start, first)
        now = finished(killed)
        assert {name: now.get(name) for name in done} == done  # no stage is made twice
        done = now
    run(killed)
    assert finished(killed).items() >= done.items()
    ends = [(folder / "runs/killed" / ENDS).read_bytes() for folder in (whole, killed)]
    assert ends[0] == ends[1]
    assert not list((killed / "runs/killed/stages").glob(".*"))
