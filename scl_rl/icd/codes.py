"""ICD-10-CM: which codes there are, what they mean, where they stand.

All functions take a code in any spelling that :func:`scl_rl.icd.normalise.normalised` understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import takewhile

from .normalise import normalised
from .tables import EXTENDED, Entry, tables

_ONE_CODE = re.compile(r"(.*\S)\s*\(([A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?)\)")


def is_valid(code: str) -> bool:
    """Whether this is a category or a code below one (chapters and blocks are no codes)."""
    return _entry(code) is not None


def is_billable(code: str) -> bool:
    """Whether a claim may carry the code: valid, and nothing more specific below it."""
    entry = _entry(code)
    return entry is not None and not entry.children


@cache
def billable_codes() -> tuple[str, ...]:
    """Every billable code, in the order of the tables."""
    return tuple(entry.code for entry in tables() if entry.is_code and not entry.children)


def retired(code: str) -> str | None:
    """The last known release (``2021-01``) in which a code was billable that is no longer; else None."""
    return _retired().get(normalised(code))


def title(code: str) -> str:
    """The official title, also of chapters and blocks.

    Raises:
        ValueError: there is no such code.
    """
    return _known(code).title


def synonyms(code: str) -> list[str]:
    """The title, then the inclusion terms and includes notes of the code itself, each once.

    Raises:
        ValueError: there is no such code.
    """
    entry = _known(code)
    return list(dict.fromkeys([entry.title, *entry.inclusion_terms, *entry.includes]))


def inclusion_terms(code: str) -> tuple[str, ...]:
    """Wordings that the tables list below the code's title.

    Raises:
        ValueError: there is no such code.
    """
    return _known(code).inclusion_terms


def excluded_terms() -> Iterator[tuple[str, str]]:
    """Billable codes with what the Excludes1 notes of others call them: "gonococcal sepsis (A54.86)".

    Only notes that name exactly one code, in full.
    """
    for entry in tables():
        for note in entry.excludes1:
            named = _ONE_CODE.fullmatch(note)
            if named and is_billable(named[2]):
                yield named[2], named[1]


def parents(code: str) -> list[str]:
    """What the code stands under, nearest first: subcategories and category, block, chapter.

    Raises:
        ValueError: there is no such code.
    """
    return list(_known(code).ancestors)


def children(code: str) -> list[str]:
    """What stands directly under the code, block or chapter.

    Raises:
        ValueError: there is no such code.
    """
    return list(_known(code).children)


def seventh_characters(code: str) -> dict[str, str]:
    """The seventh characters that complete a code, with their meaning; none if it is complete or takes none.

    For ``V00.01`` it has ``A``, although the complete code is ``V00.01XA``.

    Raises:
        ValueError: there is no such code.
    """
    entry, table = _known(code), tables()
    last = [child[-1] for child in entry.children if _extended(child)]
    if not last:
        return {}
    meanings = next(found for above in (entry.code, *entry.ancestors) if (found := table[above].seventh))
    return {character: meanings[character] for character in last}


def lacks_seventh(code: str) -> bool:
    """Whether a seventh character makes this code complete, with placeholders (``W19.XXX``) or without."""
    code = normalised(code)
    entry = _entry(code) or _entry(code.rstrip("X").rstrip("."))
    if entry is None:
        return False
    return any(
        entry.code == code or complete[:-1] == code for complete in entry.children if _extended(complete)
    )


def siblings(code: str) -> list[str]:
    """The other codes directly under what the code stands under.

    Raises:
        ValueError: there is no such code.
    """
    entry = _known(code)
    if not entry.ancestors or entry.ancestors[0] == entry.code:
        return []
    return [other for other in tables()[entry.ancestors[0]].children if other != entry.code]


@cache
def neighbours(code: str) -> tuple[str, ...]:
    """As :func:`siblings`, for any text: none of a code that the tables lack."""
    return tuple(siblings(code)) if is_valid(code) else ()


@cache
def lineage(code: str) -> tuple[str, ...]:
    """As :func:`hierarchy`, for any text: a code that the tables lack stands below the longest shorter one
    that they have, or alone.
    """
    code = normalised(code)
    for length in range(len(code), 2, -1):
        shorter = code[:length].rstrip(".")
        if is_valid(shorter):
            return (*hierarchy(shorter), *([code] if shorter != code else []))
    return (code,)


def hierarchy(code: str) -> list[str]:
    """Chapter, block, category, … down to the code itself.

    Raises:
        ValueError: there is no such code.
    """
    entry = _known(code)
    return [*reversed(entry.ancestors), entry.code]


def distance(first: str, second: str) -> int:
    """Steps in the tree from one code to the other, by :func:`lineage`; chapters have a common root.

    0 for the same code, 1 for a code and its parent, 2 for siblings.
    """
    return len(lineage(first)) + len(lineage(second)) - 2 * shared_levels(first, second)


def shared_levels(first: str, second: str) -> int:
    """How many levels of their :func:`lineage` two codes share, from the chapter down."""
    pairs = zip(lineage(first), lineage(second), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _entry(code: str) -> Entry | None:
    entry = tables().get(normalised(code))
    return entry if entry is not None and entry.is_code else None


def _extended(code: str) -> bool:
    """Whether a code of the tables has a seventh character."""
    return tables()[code].kind == EXTENDED


def _known(code: str) -> Entry:
    """The entry of a code, or of a chapter or block. Raises ValueError where there is none."""
    return _entry(code) or tables()[code]


@cache
def _retired() -> dict[str, str]:
    lines = (files(__package__) / "retired.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))
