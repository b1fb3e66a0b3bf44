"""\"Did you mean\", for every place where a user types a name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any


def nearest(word: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name nearest to ``word``, if one is near."""
    near = difflib.get_close_matches(str(word), known, n=1, cutoff=cutoff)
    return near[0] if near else None


def did_you_mean(word: object, known: Iterable[str], what: str = "known") -> str:
    """A hint: the known name nearest to ``word``, else all of them if they are few, else nothing."""
    names = sorted(known)
    if near := nearest(str(word).lower(), names):
        return f"did you mean '{near}'?"
    return f"{what}: {', '.join(names)}" if 0 < len(names) <= 12 else ""


def shown(value: Any) -> str:
    """A value as a message shows it."""
    if isinstance(value, dict):
        return "a section of settings"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        text = f"'{value}'"
    return text if len(text) <= 60 else text[:59] + "…"
