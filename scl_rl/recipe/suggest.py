"""\"Did you mean\", for every place where a user types a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str], what: str = "known") -> str:
    """A hint: the known name nearest to ``word``, else all of them if they are few, else nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(str(word).lower(), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"{what}: {', '.join(names)}" if 0 < len(names) <= 12 else ""
