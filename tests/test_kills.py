"""A run that is killed again and again ends as one that never was."""

from __future__ import annotations

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

from .tiny import make_tiny_model

KILLS = int(os.environ.get("SCL_RL_KILLS", "20"))
TRAINER = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "save_steps": 1}
CHECKED = {"check_every": 4, "dev_documents": 2, "max_new_tokens": 200}
RECIPE = {
    "name": "killed",
    "model": {"name": "./tiny", "dtype": "float32"},
    "data": {"source": "synthetic", "codes": 6, "documents": 12, "code_only": 0, "dev": 2, "test": 2},
    "stages": {
        "sft": {"kind": "sft", "tokens": 24000, "peft": {"r": 4}, "trainer": TRAINER},
        "pairs": {"kind": "pairs", "from": "sft", "samples": 0, "negatives": ["dropped", "sibling"]},
        "dpo": {"kind": "dpo", "from": "pairs", "epochs": 2, "trainer": TRAINER, **CHECKED},
    },
}
ENDS = "stages/dpo/model/adapter_model.safetensors"


def run(folder: Path, seconds: float | None = None) -> float:
    """Run the recipe, or kill all of its processes after so many seconds.

    Returns:
        How many seconds it took: until the first checkpoint if it is to come to its end.
    """
    began = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", "from scl_rl.cli.main import main; main()", "run", "killed.yaml"]
    first = None
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None and (seconds is None or time.monotonic() - began < seconds):
            if first is None and any(folder.glob("runs/killed/stages/.sft.partial/checkpoints/*/whole.json")):
                first = time.monotonic() - began
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            assert process.returncode == 0
    took = time.monotonic() - began
    return took if first is None or seconds is not None else first


def place(folder: Path) -> Path:
    folder.mkdir()
    make_tiny_model(folder / "tiny")
    (folder / "killed.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    return folder


def finished(folder: Path) -> dict[str, int]:
    """The stages that are done, and when each was."""
    found = (folder / "runs/killed/stages").glob("[!.]*/figures.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


def test_a_run_that_is_killed_again_and_again_ends_the_same(tmp_path):
    whole, killed = place(tmp_path / "whole"), place(tmp_path / "killed")
    first_step = run(whole)
    chance = random.Random(0)
    done: dict[str, int] = {}
    hit = 0
    for attempt in range(KILLS):
        at_work = attempt % 2  # or while it starts
        seconds = first_step + chance.random() if at_work else chance.uniform(0, first_step)
        hit += run(killed, seconds) >= seconds
        now = finished(killed)
        assert {name: now.get(name) for name in done} == done  # no stage is made twice
        done = now
    run(killed)
    assert hit == KILLS, "it came to its end before"
    assert finished(killed).items() >= done.items()
    ends = [(folder / "runs/killed" / ENDS).read_bytes() for folder in (whole, killed)]
    assert ends[0] == ends[1]
    assert not list((killed / "runs/killed/stages").glob(".*"))
