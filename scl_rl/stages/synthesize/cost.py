"""What a synthesize stage will take."""

from __future__ import annotations

from itertools import islice

from ...corpus.records import sample_records
from ...icd.codes import is_valid
from ...synthesis.make import chosen_codes
from ...synthesis.tabular import tabular_candidates
from ..shared.cost import Cost, Facts
from .settings import SynthesizeSettings

_TRIED = 200  # codes whose terms are looked at


def synthesize_cost(settings: SynthesizeSettings, facts: Facts) -> Cost:
    """The spans that it makes, before any is dropped, from the terms of some of its codes."""
    codes = [code for code in chosen_codes(settings, facts.codes) if is_valid(code)]
    tried = sample_records(codes, _TRIED)
    found = sum(
        sum(1 for _ in islice(tabular_candidates([code], settings.tabular, 0), settings.per_code))
        for code in tried
        if "tabular" in settings.how
    )
    number = found * len(codes) // len(tried) if tried else 0
    if settings.max_spans is not None:
        number = min(number, settings.max_spans)
    notes = [f"up to {number:,} spans of the tabular list for {len(codes):,} codes, before the filters"]
    if "teacher" in settings.how and settings.teacher is not None:
        asked = len(codes) * len(settings.teacher.styles)
        notes.append(f"asks {settings.teacher.model} {asked:,} questions, less those in the cache")
    if "mined" in settings.how:
        notes.append("what is mined is known once it has run")
    return Cost(examples=number, makes=number, notes=notes)
