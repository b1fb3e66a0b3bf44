"""What a predict stage will take."""

from __future__ import annotations

from ..shared.cost import Cost, Facts, add_generation
from .settings import PredictSettings

_BYTES = 1000  # of disk, per prediction


def predict_cost(settings: PredictSettings, facts: Facts) -> Cost:
    """An answer to each window."""
    lengths = facts.of(settings.split)
    answer = facts.answer(settings)
    number = lengths.number + (facts.of("dev").number if settings.threshold else 0)
    cost = Cost(number, round(number * (lengths.prompt + answer)), round(number * answer))
    add_generation(cost, settings, facts, settings.batch_size)
    cost.disk = number * _BYTES
    return cost
