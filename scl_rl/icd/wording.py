"""How titles are written."""

from __future__ import annotations

from functools import cache

from .codes import billable_codes, title


@cache
def _names() -> frozenset[str]:
    """Words that titles write with a capital inside a sentence."""
    return frozenset(
        word for code in billable_codes() for word in title(code).split()[1:] if word[0].isupper()
    )


def uncapitalized(term: str) -> str:
    """Without the capital of a sentence's start; names and abbreviations keep theirs."""
    first = term.split(" ", 1)[0].rstrip(",")
    named = first in _names() or "'" in first or first[1:] != first[1:].lower()
    return term if named else term[:1].lower() + term[1:]
