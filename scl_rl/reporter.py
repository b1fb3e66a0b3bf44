"""Whom work tells what happens: one :class:`Reporter` from the command down to the model's loading."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Takes lines. A console, a stage's log and the pipe to another process are such."""

    def say(self, line: str) -> None:
        """Something that happened; the line stays."""

    def progress(self, line: str) -> None:
        """How far the work is; the line takes the place of the last one of its kind."""


class Printer:
    """Prints what happened, for work that is called without a console."""

    def say(self, line: str) -> None:
        """Print the line."""
        print(line)

    def progress(self, line: str) -> None:
        """Nothing: a plain stream has no line to replace."""


class Quiet:
    """Says nothing."""

    def say(self, line: str) -> None:
        """Nothing."""

    def progress(self, line: str) -> None:
        """Nothing."""


PRINTER, QUIET = Printer(), Quiet()
