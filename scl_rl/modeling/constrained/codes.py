"""The codes that an answer may name, ready to say which of them begin in some way."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path

from ...corpus.jsonl import MOST_PROBLEMS
from ...corpus.types import CODE
from ...errors import Problem, UserError

_CODE = re.compile(CODE)
_AFTER_ALL = b"\xff"  # no byte of UTF-8


class CodeList:
    """A set of codes, as UTF-8.

    Args:
        codes: at least one; each as :data:`scl_rl.corpus.types.CODE` has it.
    """

    def __init__(self, codes: Iterable[str]) -> None:
        self._codes = sorted({code.encode() for code in codes})
        self._all = frozenset(self._codes)

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, code: bytes) -> bool:
        return code in self._all

    def beginning(self, start: bytes) -> int:
        """How many codes begin so."""
        return bisect_left(self._codes, start + _AFTER_ALL) - bisect_left(self._codes, start)

    def goes_on(self, start: bytes, used: Collection[bytes]) -> bool:
        """Whether a code that is not used up begins so."""
        return self.beginning(start) > sum(code.startswith(start) for code in used)

    @cached_property
    def shape(self) -> str:
        """A regular expression that all the codes match, as small as it is loose: what can stand where."""
        codes = [code.decode() for code in self._codes]
        least = min(map(len, codes))
        classes = [
            "[" + "".join(map(_in_class, sorted({code[at] for code in codes if len(code) > at}))) + "]"
            for at in range(max(map(len, codes)))
        ]
        expression = ""
        for at in reversed(range(len(classes))):
            expression = classes[at] + expression
            if at >= least:
                expression = f"({expression})?"
        return expression


def _in_class(letter: str) -> str:
    return letter if letter.isalnum() or ord(letter) > 127 else f"\\{letter}"


def read_codes(path: Path) -> list[str]:
    """The codes of a file that has one a line; blank lines are passed over.

    Raises:
        UserError: the file can't be read or has no codes, or a line is not a code; each with its line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        raise UserError(Problem(str(path), f"can't be read: {what}")) from None
    codes = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    if not codes:
        raise UserError(Problem(str(path), "has no codes", "write one per line"))
    problems = [
        Problem(f"{path}:{number}", f"'{code[:40]}' is not a code", "write one per line and nothing else")
        for number, code in codes.items()
        if not _CODE.fullmatch(code)
    ]
    if problems:
        raise UserError(*problems[:MOST_PROBLEMS])
    return list(dict.fromkeys(codes.values()))
