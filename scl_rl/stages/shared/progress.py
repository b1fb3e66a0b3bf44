"""How far work is, for work that takes more than a moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...reporter import Reporter
from ...upstream.logs import TOKENS

_EVERY = 0.3  # seconds


class Progress:
    """Tells how far the work is and how much time is left, a few times a second at most."""

    def __init__(self, label: str, reporter: Reporter, began: int = 0) -> None:
        self.label = label
        self._reporter = reporter
        self._began = began
        self._started = self._last = time.monotonic()

    def count(self, done: int, total: int, note: str = "") -> None:
        """Report ``done`` of ``total``, if it is time to."""
        now = time.monotonic()
        if now - self._last < _EVERY and done < total:
            return
        self._last = now
        left = (now - self._started) / max(done - self._began, 1) * (total - done)
        self._reporter.progress(f"{self.label}: {done}/{total}{note}, {clock(left)} left")


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Speed:
    """Tokens a second since the first figures were logged."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def logged(self, logs: Mapping[str, Any]) -> str:
        """In words, after what TRL logged; empty while it isn't known."""
        tokens, now = logs.get(TOKENS), time.monotonic()
        if tokens is None:
            return ""
        if self._first is None:
            self._first = tokens, now
            return ""
        return f", {(tokens - self._first[0]) / (now - self._first[1]):,.0f} tokens/s"
