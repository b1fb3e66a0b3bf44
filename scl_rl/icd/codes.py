"""ICD-10-CM as ``simple_icd_10_cm`` has it: which codes there are, what they mean, where they stand."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _cm() -> Any:
    """The package, imported when first asked: reading its tables takes about two seconds."""
    import simple_icd_10_cm

    return simple_icd_10_cm


def is_valid(code: str) -> bool:
    """Whether this is a category or a code below one (chapters and blocks are no codes)."""
    cm = _cm()
    return bool(cm.is_valid_item(code) and cm.is_category_or_subcategory(code))


def is_billable(code: str) -> bool:
    """Whether a claim may carry the code: valid, and nothing more specific below it."""
    return is_valid(code) and bool(_cm().is_leaf(code))


@cache
def billable_codes() -> tuple[str, ...]:
    """Every billable code, in the order of the tables."""
    return tuple(code for code in _cm().get_all_codes(True) if is_billable(code))


def title(code: str) -> str:
    """The official title.

    Raises:
        ValueError: there is no such code.
    """
    return str(_cm().get_description(code))


def synonyms(code: str) -> list[str]:
    """The title, then the inclusion terms and includes notes of the code itself, each once.

    Raises:
        ValueError: there is no such code.
    """
    cm = _cm()
    return list(dict.fromkeys([title(code), *cm.get_inclusion_term(code), *cm.get_includes(code)]))


def parents(code: str) -> list[str]:
    """What the code stands under, nearest first: subcategories and category, block, chapter.

    Raises:
        ValueError: there is no such code.
    """
    return list(_cm().get_ancestors(code))


def siblings(code: str) -> list[str]:
    """The other codes directly under what the code stands under.

    Raises:
        ValueError: there is no such code.
    """
    return [other for above in parents(code)[:1] for other in _cm().get_children(above) if other != code]


@cache
def neighbours(code: str) -> tuple[str, ...]:
    """As :func:`siblings`, for any text: none of a code that the tables lack."""
    return tuple(siblings(code)) if is_valid(code) else ()


@cache
def lineage(code: str) -> tuple[str, ...]:
    """As :func:`hierarchy`, for any text: a code that the tables lack stands below the longest shorter one
    that they have, or alone. Upper-cased.
    """
    code = code.upper()
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
    return [*reversed(parents(code)), code]
