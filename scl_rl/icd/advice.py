"""What a coder is warned of: codes that no claim may carry, vague ones, pairs that exclude each other."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from .codes import _cm

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
    cm = _cm()
    rows = []
    for code in cm.get_all_codes(True):
        if not cm.is_category_or_subcategory(code):
            continue
        title = str(cm.get_description(code))
        flags = UNSPECIFIED if "unspecified" in title.lower() else ""
        if not cm.is_leaf(code):
            flags += NOT_BILLABLE
            if cm.is_extended_subcategory(cm.get_children(code)[0]):
                flags += SEVENTH
        rows.append(TableRow(code, flags, title))
    return tuple(rows)


@cache
def excludes1() -> dict[str, tuple[str, ...]]:
    """Code → what its Excludes1 notes name, which can't be coded beside it or any code below it.

    A name is a code, which stands for all codes below it too, or a range such as ``I60-I69``. The notes of
    chapters and blocks are given to their categories. Notes that name no code are left out.
    """
    cm = _cm()
    found: dict[str, tuple[str, ...]] = {}
    for code in cm.get_all_codes(True):
        if not cm.is_category_or_subcategory(code):
            continue
        notes = list(cm.get_excludes1(code))
        if cm.is_category(code):
            for above in cm.get_ancestors(code):
                notes += cm.get_excludes1(above)
        names = dict.fromkeys(name for note in notes for name in _names(note))
        if names:
            found[code] = tuple(names)
    return found


def _names(note: str) -> list[str]:
    return [
        f"{first}-{last}" if last else first
        for inside in _IN_PARENTHESES.findall(note)
        for first, last in _NAMED.findall(inside)
    ]
