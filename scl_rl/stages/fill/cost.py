"""What a fill stage will take."""

from __future__ import annotations

from ..shared.cost import Cost, Facts, sampling_cost
from .settings import FillSettings


def fill_cost(settings: FillSettings, facts: Facts) -> Cost:
    """The answers that it samples, if it asks a model."""
    known = facts.of("code_only")
    start, end = settings.code_only_part
    rows = round((end - start) * known.number)
    rows = rows if settings.max_documents is None else min(settings.max_documents, rows)
    samples = settings.samples if "model" in settings.how else 0
    return sampling_cost(settings, facts, rows, known.prompt, samples, settings.batch_size)
