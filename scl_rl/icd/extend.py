"""More codes than the lexicon holds: billable codes worded from the tables' own terms, mechanically."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from ..errors import Problem, UserError
from .codes import billable_codes, synonyms, title
from .lexicon import LEXICON, Condition, Entry, Wording
from .wording import uncapitalized

FEWEST = 4
MOST = 8
_CHAPTERS = "ABCDEFGHIJKLMNR"
"""Illnesses and symptoms; births, injuries, causes and encounters aren't named in plain phrases."""

_VAGUE = re.compile(
    r"\s*[(\[][^)\]]*[)\]]|,? (?:unspecified|NOS|NEC|not elsewhere classified|site not specified)\b"
    r"|\b[Uu]nspecified (?!\w+ity\b)"
)
_LEFTOVER = re.compile(r"\b(other|specified|elsewhere)\b", re.IGNORECASE)
_PREPOSITION = re.compile(r"(in|with|without|of|due|to|by|from|and)\b")
_PLAIN = re.compile(r"[A-Za-z][\w' /-]{3,59}")
_SWAPS = (
    ("malignant neoplasm", "cancer"),
    ("benign neoplasm", "benign tumor"),
    ("calculus", "stone"),
    ("hemorrhage", "bleeding"),
    ("disease", "disorder"),
    ("infection", "infectious disease"),
    ("disorder", "disease"),
    ("due to", "caused by"),
    ("chronic", "long-standing"),
    ("acute", "sudden-onset"),
    ("bilateral", "two-sided"),
    ("anemia", "anaemia"),
    ("edema", "oedema"),
    ("tumor", "tumour"),
    ("esophag", "oesophag"),
    ("leukemia", "leukaemia"),
)
_OF = re.compile(r"([\w' -]+?) (?:of|in) (?:the )?([\w'-]+(?: [\w'-]+)?)")


def extended(number: int) -> dict[str, Entry]:
    """Our lexicon and further codes, so many in all, each with at least four wordings.

    Raises:
        UserError: there are not so many.
    """
    entries = dict(LEXICON)
    used = _Used()
    for entry in entries.values():
        for wording in entry.wordings:
            used.add(wording.text)
            if wording.split:
                used.add("".join(wording.split))
    others = [code for code in billable_codes() if code[0] in _CHAPTERS and code not in entries]
    for code in random.Random("extended").sample(others, len(others)):
        if len(entries) == number:
            return entries
        texts = used.free(list(dict.fromkeys(_wordings(code))))[:MOST]
        if len(texts) >= FEWEST:
            entries[code] = Entry(_condition(code), tuple(Wording(text) for text in texts))
            for text in texts:
                used.add(text)
    if len(entries) < number:
        what = f"{number} codes were asked for; only {len(entries)} have {FEWEST} wordings"
        raise UserError(Problem("", what, at=("codes",)))
    return entries


class _Used:
    """Wordings in use, none of which stands inside another one."""

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._blob = ""

    def add(self, text: str) -> None:
        self._all.add(text.lower())
        self._blob += text.lower() + "\n"

    def free(self, texts: list[str]) -> list[str]:
        """Those that neither stand inside nor hold one in use or one kept before."""
        kept: list[str] = []
        if len(texts) < FEWEST:
            return kept
        for text in texts:
            low = text.lower()
            rivals = [other.lower() for other in kept]
            if any(low in rival or rival in low for rival in rivals) or low in self._blob:
                continue
            parts = (low[i:j] for i in range(len(low)) for j in range(i + 1, len(low) + 1))
            if self._all.isdisjoint(parts):
                kept.append(text)
        return kept


def _condition(code: str) -> Condition:
    if code.startswith("R"):
        return "symptom"
    return "chronic" if "chronic" in title(code).lower() else "acute"


def _wordings(code: str) -> Iterator[str]:
    """The code's terms without what is vague in them, their words swapped and put in another order."""
    for term in synonyms(code):
        if _LEFTOVER.search(term):
            continue
        plain = uncapitalized(" ".join(_VAGUE.sub("", term).split()))
        for form in (plain, *(plain.replace(old, new) for old, new in _SWAPS if old in plain)):
            head, comma, rest = form.partition(", ")
            orders = (f"{rest} {head}", f"{head} {rest}") if comma else (form,)
            for candidate in orders[1:] if _PREPOSITION.match(rest) else orders:
                turned = _OF.fullmatch(candidate)
                for text in (candidate, f"{turned[2]} {turned[1]}") if turned else (candidate,):
                    if _PLAIN.fullmatch(text):
                        yield text
