"""The two ways in which scl-rl says no: the user's input is wrong, or the work failed."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass

# Controls, line separators, marks that reorder a line, and halves of pairs, which can't be printed.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_LONGEST = 300  # characters of each part of a problem

# What a file system doesn't let this user do; a traceback would add nothing.
_NOT_ALLOWED = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY),
}

Where = tuple[str | int, ...]
"""The way to a value inside another: keys and positions, from the outside in."""


@dataclass(frozen=True)
class Problem:
    """One mistake in the user's input: where it is, what is wrong, what to do about it.

    Attributes:
        where: as it is shown; empty as long as only ``at`` is known.
        at: the way to the mistake from the value that was checked. Whoever checks a larger value puts the way
            to the smaller one in front; whoever knows where that is written makes ``where`` of it.
    """

    where: str
    what: str
    hint: str = ""
    at: Where = ()

    def __str__(self) -> str:
        where, what, hint = map(_shortened, (self.where, self.what, self.hint))
        line = f"{where}: {what}" if where else what
        return escaped(f"{line} ({hint})" if hint else line)


def _shortened(text: str) -> str:
    """A text without its middle if it is long: an id, a key or a number in it may have any length."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def escaped(text: str) -> str:
    """A text for one line of a terminal or a log, its control characters visible: ids may hold any."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def file_problem(error: BaseException) -> Problem | None:
    """What the file system refuses this user; None if an error is of another kind."""
    if not isinstance(error, OSError) or error.filename is None or error.errno not in _NOT_ALLOWED:
        return None
    return Problem(os.fsdecode(error.filename), str(error.strerror))


class UserError(Exception):
    """The user's input is wrong (exit code 2). Carries every problem found, one line each."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = [p if isinstance(p, Problem) else Problem("", p) for p in problems]
        super().__init__("\n".join(str(p) for p in self.problems))


class WorkError(Exception):
    """The input was fine and the work failed, or a check did not hold (exit code 1)."""
