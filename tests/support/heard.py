"""A reporter that remembers."""

from __future__ import annotations


class Heard:
    """Adds what is said to ``lines``, and lines of progress too if ``with_progress``."""

    def __init__(self, lines: list[str], with_progress: bool = False) -> None:
        self._lines = lines
        self._with_progress = with_progress

    def say(self, line: str) -> None:
        """Remember the line."""
        self._lines.append(line)

    def progress(self, line: str) -> None:
        """Remember the line, if wanted."""
        if self._with_progress:
            self._lines.append(line)
