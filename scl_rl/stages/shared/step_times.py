"""Where the time of an optimizer step goes."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import torch
from transformers import TrainerCallback

from ...upstream.timing import watch_parts

PARTS = ("generation", "rewards", "reference", "policy", "rest")


class StepTimes(TrainerCallback):  # type: ignore[misc]
    """Counts seconds of generation, of rewards, of the reference, of the policy, and of the rest of a step.

    ``reference`` is every reading without gradients, so the old policy's too; ``policy`` is forward and
    backward; ``rest`` is the optimizer and what stands between the steps' batches. Evaluations on dev
    documents and checkpoints belong to no step.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._all: dict[str, float] = defaultdict(float)
        self._steps = 0
        self._open: list[str] = []
        self._since = 0.0

    def watch(self, trainer: Any) -> None:
        """Count a trainer's steps from now on."""
        watch_parts(trainer, self.start, self.stop)
        trainer.add_callback(self)
        handler = trainer.callback_handler.callbacks
        handler.insert(0, handler.pop())  # before those that evaluate when a step ends

    def start(self, part: str) -> None:
        """A part begins; the one in which it lies waits."""
        self._count()
        self._open.append(part)

    def stop(self) -> None:
        """The part that began last ends."""
        self._count()
        self._open.pop()

    def take(self) -> dict[str, float]:
        """Seconds of each part since this was last asked."""
        taken = {part: round(self._seconds[part], 3) for part in PARTS if part in self._seconds}
        for part, seconds in self._seconds.items():
            self._all[part] += seconds
        self._seconds.clear()
        return taken

    def in_words(self) -> str:
        """What a step took on average, and its parts, the longest first; empty before the first."""
        self.take()
        whole = sum(self._all.values())
        if not whole or not self._steps:
            return ""
        longest = sorted(self._all.items(), key=lambda part: -part[1])
        parts = [f"{part} {seconds / whole:.0%}" for part, seconds in longest if seconds >= 0.005 * whole]
        return f"{whole / self._steps:.1f} s per step: {', '.join(parts)}"

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What is no part of its own is the rest."""
        self._open.clear()  # of a step that was interrupted
        self.start("rest")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Until the next step nothing counts."""
        self._steps += 1
        self.stop()

    def _count(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._open:
            self._seconds[self._open[-1]] += now - self._since
        self._since = now
