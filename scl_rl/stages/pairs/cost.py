"""What a pairs stage will take."""

from __future__ import annotations

from ..shared.cost import Cost, Facts, rewarded_prompts, sampling_cost
from .settings import PairsSettings


def pairs_cost(settings: PairsSettings, facts: Facts) -> Cost:
    """The answers that it samples, and the pairs that come out if every prompt gives as many as it may."""
    rows, length = rewarded_prompts(settings, facts)
    spans = min(settings.max_spans, facts.of("spans").number)
    if spans:
        whole = rows * length + spans * facts.of("spans").prompt
        rows, length = rows + spans, whole / (rows + spans)
    cost = sampling_cost(settings, facts, rows, length, settings.samples, settings.batch_size)
    cost.makes = rows * (min(settings.pairs_per_prompt, settings.samples) + len(settings.negatives))
    return cost
