"""A thin layer over ``simple-icd-10-cm``, which takes seconds to import and so is imported on first use."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from .lexicon import LEXICON

_VAGUE = re.compile(r",? (unspecified|not elsewhere classified|unspecified site)$")
_WORDABLE = re.compile(r"[A-Za-z][A-Za-z' -]{3,40}")


@functools.cache
def _icd() -> Any:
    import simple_icd_10_cm

    return simple_icd_10_cm


def is_valid(code: str) -> bool:
    """Whether a code, category or block of that name exists."""
    return bool(_icd().is_valid_item(code))


def is_billable(code: str) -> bool:
    """Whether a code is complete: nothing stands below it."""
    return is_valid(code) and bool(_icd().is_leaf(code))


def title(code: str) -> str:
    """The official title of a code."""
    return str(_icd().get_description(code))


def ancestors(code: str) -> list[str]:
    """Category, block and chapter above a code, nearest first."""
    return list(_icd().get_ancestors(code))


def wordings(code: str) -> tuple[str, ...]:
    """Ways to write a code as a noun phrase: ours where there are any, then title and inclusion terms."""
    icd = _icd()
    official = [title(code), *icd.get_inclusion_term(code), *icd.get_includes(code)]
    found = [*LEXICON.get(code, ()), *(variant for term in official for variant in _variants(term))]
    return tuple({wording.lower(): wording for wording in reversed(found)}.values())[::-1]


def _variants(term: str) -> Iterator[str]:
    """A term as it would be written in a sentence, and with the part after a comma in front."""
    plain = _VAGUE.sub("", term).strip()
    plain = plain if plain[:2].isupper() else plain[:1].lower() + plain[1:]
    head, comma, rest = plain.partition(", ")
    candidates = [plain, f"{rest} {head}", head] if comma else [plain]
    yield from (candidate for candidate in candidates if _WORDABLE.fullmatch(candidate))


def billable_codes() -> list[str]:
    """Every billable code, in the order of the classification."""
    icd = _icd()
    return [code for code in icd.get_all_codes(with_dots=True) if icd.is_leaf(code)]
