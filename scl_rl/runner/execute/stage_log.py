"""``log.txt`` of a stage: what it said, its progress now and then, and what libraries printed meanwhile."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from ...reporter import Reporter
from ..manifest import now

_EVERY = 60.0  # seconds between lines of progress in the log


class StageLog:
    """A reporter that writes down what a stage says and passes it on.

    Attributes:
        path: the file, to which the stage's process writes too.
    """

    def __init__(self, path: Path, reporter: Reporter) -> None:
        self.path = path
        self._reporter = reporter
        self._last = 0.0

    def say(self, line: str) -> None:
        """Something that happened."""
        self.note(line)
        self._reporter.say(line)

    def progress(self, line: str) -> None:
        """How far it is."""
        if time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self.note(line)
        self._reporter.progress(line)

    def note(self, line: str) -> None:
        """For the log alone."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{now()[:19]} {line}\n")

    def failure(self, what: str, error: BaseException) -> str:
        """Write the traceback of an error down; what to tell the user of it."""
        try:
            self.note("failed\n" + "".join(traceback.format_exception(error)))
        except OSError:  # where the disk is full
            return what
        return f"{what} (traceback in {self.path})"
