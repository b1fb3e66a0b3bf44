"""One line of progress now and then, for work that takes more than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any


class Progress:
    """Says how far the work is: every 10 seconds on a terminal, once a minute elsewhere."""

    def __init__(self, label: str, say: Callable[[str], None]) -> None:
        self.label = label
        self._say = say
        self._every = 10.0 if sys.stderr.isatty() else 60.0
        self._started = self._last = time.monotonic()

    def count(self, done: int, total: int, note: str = "") -> None:
        """Report ``done`` of ``total``, if it is time to."""
        now = time.monotonic()
        if now - self._last < self._every and done < total:
            return
        if now - self._started < 2.0:
            return
        self._last = now
        left = (now - self._started) / max(done, 1) * (total - done)
        self._say(f"{self.label}: {done}/{total}{note}, {clock(left)} left")


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def trainer_progress(label: str, say: Callable[[str], None], figures: dict[str, str]) -> Any:
    """A TrainerCallback that reports steps and the latest of some logged figures (log key → words)."""
    from transformers import TrainerCallback

    class _Steps(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.progress = Progress(label, say)
            self.note = ""

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.progress = Progress(label, say)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            known = [(words, (logs or {}).get(key)) for key, words in figures.items()]
            if any(value is not None for _, value in known):
                self.note = "".join(f", {w} {float(v):.3f}" for w, v in known if v is not None)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.progress.count(state.global_step, state.max_steps, self.note)

    return _Steps()
