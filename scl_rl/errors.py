"""The two ways in which scl-rl says no: the user's input is wrong, or the work failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake in the user's input: where it is, what is wrong, what to do about it."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.hint})" if self.hint else line


class UserError(Exception):
    """The user's input is wrong (exit code 2). Carries every problem found, one line each."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = [p if isinstance(p, Problem) else Problem("", p) for p in problems]
        super().__init__("\n".join(str(p) for p in self.problems))


class WorkError(Exception):
    """The input was fine and the work failed, or a check did not hold (exit code 1)."""
