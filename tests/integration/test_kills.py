"""A run that is killed again and again, anyhow and at any stage, ends as one that never was.

A few kills here; all of them with ``make kills``, which prints each.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from signal import Signals
from typing import Any

import pytest
import yaml

pytest.importorskip("torch")
import psutil

from tests.support.tiny import make_tiny_model

ALL = os.environ.get("SCL_RL_KILLS") == "all"
SMALL = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "save_steps": 2}
CHECKED = {"eval_steps": 2, "eval_documents": 2}
RECIPE: dict[str, Any] = {
    "name": "killed",
    "model": {"name": "./tiny", "dtype": "float32"},
    "prompt": {"template": "{text}\n", "chat": False},
    "data": {
        "source": "synthetic",
        "codes": 6,
        "codes_per_document": [1, 1],
        "characters": 100,
        "documents": 8,
        "code_only": 6,
        "dev": 2,
        "test": 3,
    },
    "stages": {
        "sft": {"kind": "sft", "tokens": 4000, "peft": {"r": 4}, "trainer": SMALL},
        "fill": {"kind": "fill", "from": "sft", "samples": 1, "max_new_tokens": 80},
        "pairs": {
            "kind": "pairs",
            "from": "sft",
            "samples": 1,
            "negatives": ["dropped", "sibling"],
            "max_new_tokens": 80,
        },
        "dpo": {
            "kind": "dpo",
            "from": "pairs",
            "num_train_epochs": 1,
            "max_new_tokens": 80,
            "trainer": SMALL,
            **CHECKED,
        },
        "grpo": {
            "kind": "grpo",
            "from": "dpo",
            "max_steps": 3,
            "save_completions": True,
            "rewards": ["evidence", "format"],
            "trainer": {
                **SMALL,
                "per_device_train_batch_size": 4,
                "num_generations": 4,
                "max_completion_length": 80,
            },
            **CHECKED,
        },
        "predict": {"kind": "predict", "from": "grpo", "batch_size": 1, "max_new_tokens": 80},
        "evaluate": {"kind": "evaluate", "from": "predict"},
        "compare": {"kind": "compare", "from": "evaluate", "resamples": 20000},
    },
}
STAGES = ["data", *RECIPE["stages"]]
KILL, TERM, INT, HUP = signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP


@dataclass(frozen=True)
class Kill:
    """A signal to a process, or to all of them, once a stage is at work.

    Attributes:
        after: share of the stage's time, as an undisturbed run takes it.
        checked: not after that time, but between the stage's first look at dev documents and its first
            checkpoint.
    """

    stage: str
    victim: str
    how: Signals
    after: float = 0.0
    checked: bool = False


FEW = [
    Kill("sft", "all", KILL, 0.7),
    Kill("dpo", "server", KILL, 0.3),
    Kill("grpo", "stage", KILL, checked=True),
    Kill("predict", "runner", TERM, 0.5),
]


def all_kills() -> Iterator[Kill]:
    """Forty: at every stage each of the signals, and each of the processes in turn."""
    rng = random.Random(0)
    victims = {KILL: cycle(["all", "server", "stage", "runner"]), TERM: cycle(["runner", "stage", "server"])}
    from_terminals = cycle(["all", "runner"])
    for stage in STAGES:
        if stage in ("dpo", "grpo"):
            yield Kill(stage, "stage", KILL, checked=True)
        for how in (KILL, TERM, INT, HUP):
            after = rng.random() * (0.1 if stage == STAGES[-1] else 1)  # or the run is over before
            yield Kill(stage, next(victims.get(how, from_terminals)), how, after)
    yield Kill("compare", "runner", KILL, 0.05)
    yield Kill("compare", "all", TERM, 0.0)


class Place:
    """A folder with the recipe, in which it is run."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        make_tiny_model(folder / "tiny")
        (folder / "killed.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
        self.folder, self.run_folder = folder, folder / "runs/killed"
        self.stages = self.run_folder / "stages"

    def start(self) -> subprocess.Popen[bytes]:
        """Run the recipe."""
        code = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"  # not ignored
            "from scl_rl.cli.main import main; main()"
        )
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        with (self.folder / "said.txt").open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-c", code, "run", "killed.yaml"],
                cwd=self.folder,
                env=environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def at_work(self) -> str | None:
        """The stage that this run said last it would run."""
        said = (self.folder / "said.txt").read_text(errors="replace")
        return (re.findall(r"^run (\S+): ", said, re.MULTILINE) or [None])[-1]

    def finished(self) -> dict[str, int]:
        """The stages that are done, and when each was."""
        found = self.stages.glob("[!.]*/figures.json")
        return {path.parent.name: path.stat().st_mtime_ns for path in found}

    def checked(self, stage: str) -> bool:
        """Whether a stage has looked at dev documents, and has no checkpoint."""
        partial = self.stages / f".{stage}.partial"
        return (partial / "dev_checks.json").exists() and not list(partial.glob("checkpoints/*/whole.json"))

    def result(self) -> dict[str, Any]:
        """What came out: every file, but for what says when and how long."""
        return {
            path.relative_to(self.stages).as_posix(): _content(path, self.folder)
            for path in sorted(self.stages.rglob("*"))
            if path.is_file() and path.name not in SAY_WHEN
        }


SAY_WHEN = {"log.txt", "key.json", "README.md"}
TIMES = {"seconds", "minutes"}


def _content(path: Path, folder: Path) -> Any:
    """What is in a file, without times, and wherever its folder lies."""
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        return hashlib.sha256(content).hexdigest()
    text = content.decode().replace(str(folder), "")
    if path.suffix == ".jsonl":
        return [_timeless(json.loads(line)) for line in text.splitlines()]
    return _timeless(json.loads(text)) if path.suffix == ".json" else text


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _timeless(part) for key, part in value.items() if key not in TIMES}
        if (
            "loss_by_step" in kept
        ):  # the first one after a resume is the mean of the steps since the checkpoint
            del kept["loss_by_step"], kept["loss"]
        if isinstance(modules := kept.get("target_modules"), list):
            kept["target_modules"] = sorted(modules)  # peft writes a set
        if "rows" in kept and "minutes" in kept.get("columns", ()):
            at = kept["columns"].index("minutes")
            kept["rows"] = [row[:at] + row[at + 1 :] for row in kept["rows"]]
        return kept
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def run(place: Place) -> dict[str, float]:
    """Run to the end; how many seconds each stage had a partial folder."""
    seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
    last = time.monotonic()
    with place.start() as process:
        while process.poll() is None:
            time.sleep(0.005)
            now = time.monotonic()
            if stage := place.at_work():
                seconds[stage] += now - last
            last = now
    assert process.returncode == 0, (place.folder / "said.txt").read_text()
    return seconds


def kill(place: Place, wanted: Kill, seconds: float) -> str | None:
    """Start a run, and kill it as it is wanted; the stage that was at work.

    A stage that ended before its time is killed at once, in what comes next. A run can do without a server
    that was killed, and is killed as a whole a little later.
    """
    with place.start() as process:
        _wait(lambda: place.at_work() == wanted.stage or _beyond(place, wanted.stage), process)
        if wanted.checked:
            _wait(lambda: place.checked(wanted.stage) or _beyond(place, wanted.stage), process)
        else:
            end = time.monotonic() + wanted.after * seconds
            _wait(lambda: time.monotonic() > end or place.at_work() != wanted.stage, process)
        hit = place.at_work()
        runner = psutil.Process(process.pid)
        family = [runner, *runner.children(recursive=True)]
        victims = _victims(runner, family, wanted.victim)
        _send(wanted.how, victims)
        if runner not in victims and wanted.victim == "server":
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended by itself
                family += runner.children(recursive=True)
            _send(KILL, family)
        process.wait(300)
        assert process.returncode != 0, "it came to its end before"
        _, left = psutil.wait_procs(family[1:], 20)
        assert not left, f"{left} outlived the run"
    return hit


def _beyond(place: Place, stage: str) -> bool:
    """Whether a stage that comes later is at work: the one to hit was done when the run before was killed."""
    now = place.at_work()
    return now is not None and STAGES.index(now) > STAGES.index(stage)


def _wait(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while not holds():
        assert process.poll() is None, "it came to its end before"
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.001)


def _victims(runner: psutil.Process, family: list[psutil.Process], victim: str) -> list[psutil.Process]:
    """The processes that are meant; the runner where there is none of them."""
    if victim == "all":
        return family
    found = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("forkserver" in part for part in process.cmdline()):  # a stage's is that of its server
                kind = "server" if process.ppid() == runner.pid else "stage"
                found += [process] if kind == victim else []
    return found or [runner]


def _send(how: Signals, processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_the_same(tmp_path: Path) -> None:
    whole, killed = Place(tmp_path / "whole"), Place(tmp_path / "killed")
    seconds = run(whole)
    done: dict[str, int] = {}
    for number, wanted in enumerate(all_kills() if ALL else FEW, 1):
        hit = kill(killed, wanted, seconds[wanted.stage])
        print(f"{number:2} {wanted.how.name} to {wanted.victim}, meant for {wanted.stage}, hit {hit}")
        now = killed.finished()
        assert {name: now.get(name) for name in done} == done  # no stage is made twice
        done = now
    run(killed)
    assert killed.finished().items() >= done.items()
    expected, came_out = whole.result(), killed.result()
    assert {name for name in expected | came_out if expected.get(name) != came_out.get(name)} == set()
    assert not list(killed.stages.glob(".*"))
