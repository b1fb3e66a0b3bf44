"""What a DPO stage will take."""

from __future__ import annotations

import math

from ..shared.config import examples_per_step
from ..shared.cost import Cost, Facts, add_training
from .settings import DpoSettings


def dpo_cost(settings: DpoSettings, facts: Facts) -> Cost:
    """The pairs of the stage before, both answers read with the prompt."""
    config = facts.config(settings)
    (parent,) = facts.parents
    made = (parent.figures or {}).get("pairs")
    pairs = int(parent.cost.makes or 0 if made is None else made)
    annotated = facts.of("annotated")
    tokens = round(pairs * 2 * (annotated.prompt + annotated.answer) * settings.num_train_epochs)
    steps = math.ceil(
        math.ceil(pairs / examples_per_step(config, facts.processes)) * settings.num_train_epochs
    )
    cost = Cost(pairs, tokens, None, tokens, steps=steps)
    if made is None:
        cost.notes.append(f"about {pairs} pairs: known once {parent.name} has run")
    rows = 2 * config["per_device_train_batch_size"]
    add_training(cost, settings, facts, rows, annotated.longest, annotated.longest_answer, reference=True)
    return cost
