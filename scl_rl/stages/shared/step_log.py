"""What training says at every step: a line of progress, and where there is more to say, ``monitor.jsonl``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ...corpus.jsonl import whole_lines
from ..contract import StageContext
from .progress import Progress, Speed
from .step_times import StepTimes

MONITOR = "monitor.jsonl"


class StepLog(TrainerCallback):  # type: ignore[misc]
    """The base of what DPO and GRPO write down; a resumed training resumes its log.

    A subclass takes in what TRL logs (:meth:`logged`) and, if it has to, the lines of the steps before the
    one that training resumes from (:meth:`resumed`).

    Attributes:
        times: counts the seconds of each step's parts, once it watches the trainer.
    """

    def __init__(self, context: StageContext, steps: int) -> None:
        self.times = StepTimes()
        self._context = context
        self._steps = steps
        self._file = context.folder / MONITOR
        self._speed, self._progress = Speed(), Progress(context.name, context.reporter)

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        """Take in what TRL logs after a step."""
        raise NotImplementedError

    def resumed(self, step: int, lines: list[dict[str, Any]]) -> None:
        """Take in what was written up to the step after which training starts."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Drop what was written of steps that are about to be made again."""
        self._speed = Speed()
        self._progress = Progress(self._context.name, self._context.reporter, state.global_step)
        self.resumed(state.global_step, truncate_after_step(self._file, state.global_step))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """As :meth:`logged`."""
        self.logged(state.global_step, logs or {})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say where the time went."""
        if words := self.times.in_words():
            self._context.say(f"{self._context.name}: {words}")

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(_finite(line), allow_nan=False) + "\n")

    def _show(self, step: int, words: str, logs: Mapping[str, Any]) -> None:
        self._progress.count(step, self._steps, f", {words}{self._speed.logged(logs)}")

    def _warn(self, warning: str) -> None:
        self._context.say(f"{self._context.name}: warning: {warning}")


class LossProgress(TrainerCallback):  # type: ignore[misc]
    """Steps, loss and speed on the line of progress, followed by what ``latest`` says."""

    def __init__(self, context: StageContext, latest: Callable[[], str]) -> None:
        self._context = context
        self._latest = latest
        self._note = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start counting."""
        self._speed = Speed()
        self._progress = Progress(self._context.name, self._context.reporter, state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Take the loss in."""
        if "loss" in (logs or {}):
            self._note = f", loss {float(logs['loss']):.3f}{self._speed.logged(logs)}"

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show it."""
        self._progress.count(state.global_step, state.max_steps, self._note + self._latest())


def truncate_after_step(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop the lines of a JSONL file that are about steps after this one; the lines that are left."""
    if not path.exists():
        return []
    kept = [line for line in whole_lines(path) if line["step"] <= step]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept), encoding="utf-8")
    return kept


def _finite(value: Any) -> Any:
    """The value with null for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
