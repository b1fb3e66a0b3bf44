"""Wordings from the ICD tabular list."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cache

from ..icd.codes import billable_codes, title
from .candidates import Candidate, wording_key
from .settings import TabularSettings
from .terms import Term, cleaned, terms
from .variants import varied

_SHORTEST, _LONGEST = 2, 100  # characters of a span
_LATER = (", subsequent encounter", ", sequela")  # of a title that nobody would write for another code


def tabular_candidates(codes: Iterable[str], settings: TabularSettings, seed: int) -> Iterator[Candidate]:
    """The wordings of each code, each once: clean terms, those that one rule varied, then two, then typos.

    The same settings and seed give the same wordings of a code, whatever other codes there are.

    Raises:
        ValueError: there is no such code.
    """
    for code in codes:
        bases = clean_terms(code, settings)
        known = {wording_key(term.text) for term in bases}
        yield from (_candidate(code, term) for term in bases)
        more = []
        for base in bases:
            for term in varied(base, settings.variants(), f"{seed}-{code}"):
                key = wording_key(term.text)
                if key not in known and _SHORTEST <= len(term.text) <= _LONGEST:
                    known.add(key)
                    more.append((("typos" in term.rules, len(term.rules) - len(base.rules)), term))
        random.Random(f"{seed}-{code}").shuffle(more)
        more.sort(key=lambda pair: pair[0])
        yield from (_candidate(code, term) for _, term in more)


def _candidate(code: str, term: Term) -> Candidate:
    return Candidate(term.text, code, "tabular", term.rules)


def clean_terms(code: str, settings: TabularSettings) -> list[Term]:
    """The terms of a code in plain words, each once, made in the surest way that there is.

    Raises:
        ValueError: there is no such code.
    """
    switches = settings.switches()
    found: dict[str, Term] = {}
    for term in (tidy for listed in terms(code, switches) for tidy in cleaned(listed, switches)):
        key = wording_key(term.text)
        sure = _candidate(code, term).sure and not _candidate(code, found.get(key, term)).sure
        if _SHORTEST <= len(key) <= _LONGEST and (key not in found or sure):
            found[key] = term
    return list(found.values())


@cache
def owners(settings: TabularSettings) -> dict[str, frozenset[str]]:
    """Wording → the codes of the whole list of which it surely is a term. Takes seconds when first asked."""
    found: dict[str, set[str]] = {}
    for code in billable_codes():
        if not title(code).endswith(_LATER):
            for term in clean_terms(code, settings):
                if _candidate(code, term).sure:
                    found.setdefault(wording_key(term.text), set()).add(code)
    return {key: frozenset(codes) for key, codes in found.items()}
