"""What a coder is warned of: codes that no claim may carry, vague ones, pairs that exclude each other."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from .codes import lineage
from .tables import CATEGORY, EXTENDED, tables

NOT_BILLABLE, SEVENTH, UNSPECIFIED = "b", "7", "u"
_NAMED = re.compile(r"([A-Z]\d[0-9A-Z](?:\.[0-9A-Z]+)?)(?:\.?-(?:([A-Z]\d[0-9A-Z](?:\.[0-9A-Z]+)?))?)?")
_IN_PARENTHESES = re.compile(r"\(([^()]*)\)")


class TableRow(NamedTuple):
    """A code with its title. ``flags`` has any of :data:`NOT_BILLABLE` (no claim may carry it),
    :data:`SEVENTH` (it lacks its seventh character) and :data:`UNSPECIFIED` (its title says so).
    """

    code: str
    flags: str
    title: str


@cache
def code_table() -> tuple[TableRow, ...]:
    """Every category and every code below one, in the tables' order (98,225 in April 2026)."""
    table = tables()
    rows = []
    for entry in table:
        if not entry.is_code:
            continue
        flags = UNSPECIFIED if "unspecified" in entry.title.lower() else ""
        if entry.children:
            flags += NOT_BILLABLE
            if table[entry.children[0]].kind == EXTENDED:
                flags += SEVENTH
        rows.append(TableRow(entry.code, flags, entry.title))
    return tuple(rows)


@cache
def excludes1() -> dict[str, tuple[str, ...]]:
    """Code → what its Excludes1 notes name, which can't be coded beside it or any code below it.

    A name is a code, which stands for all codes below it too, or a range such as ``I60-I69``. The notes of
    chapters and blocks are given to their categories. Notes that name no code are left out.
    """
    table = tables()
    found: dict[str, tuple[str, ...]] = {}
    for entry in table:
        if not entry.is_code:
            continue
        notes = list(entry.excludes1)
        if entry.kind == CATEGORY:
            for above in entry.ancestors:
                notes += table[above].excludes1
        names = dict.fromkeys(name for note in notes for name in _names(note))
        if names:
            found[entry.code] = tuple(names)
    return found


@lru_cache(maxsize=100_000)
def excluded(first: str, second: str) -> bool:
    """Whether an Excludes1 note of one code, or of a code that it stands under, names the other one."""
    return _excludes(first, second) or _excludes(second, first)


def _excludes(noting: str, other: str) -> bool:
    notes = excludes1()
    return any(_stands_for(name, other) for above in lineage(noting) for name in notes.get(above, ()))


def _stands_for(name: str, code: str) -> bool:
    """Whether a name of a note, such as ``E10``, ``R05.1`` or ``I60-I69``, stands for a code."""
    first, _, last = name.partition("-")
    if last:
        return first <= code[: len(first)] and code[: len(last)] <= last
    return code.startswith(name)


def _names(note: str) -> list[str]:
    return [
        f"{first}-{last}" if last else first
        for inside in _IN_PARENTHESES.findall(note)
        for first, last in _NAMED.findall(inside)
    ]
