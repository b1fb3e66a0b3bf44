"""What an SFT stage will take."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..shared.config import examples_per_step
from ..shared.cost import Cost, Facts, add_training
from .settings import SftSettings

_SETS = {
    "documents": "annotated",
    "spans": "spans",
    "cite": "annotated",
    "filled": "code_only",
    "answers": "annotated",
    "synthesized": "spans",
}


def sft_cost(settings: SftSettings, facts: Facts) -> Cost:
    """The examples that its token budget buys, and training on them."""
    config = facts.config(settings)
    budget = settings.tokens or facts.matched
    if budget is None:
        cost = Cost(matched=None, notes=[f"as much as {settings.match_compute_of}: known once that has run"])
    else:
        cost = _composed(settings.shares, budget, facts)
        if cost.examples is not None:
            cost.steps = math.ceil(cost.examples / examples_per_step(config, facts.processes))
    sets = [facts.of(_SETS[name]) for name in settings.shares]
    longest = max((lengths.longest for lengths in sets), default=0)
    answer = max((lengths.longest_answer for lengths in sets), default=0)
    add_training(cost, settings, facts, config["per_device_train_batch_size"], longest, answer)
    return cost


def _composed(shares: Mapping[str, float], budget: int, facts: Facts) -> Cost:
    """The examples that a budget buys from each source."""
    whole, examples = sum(shares.values()), 0.0
    for name, share in shares.items():
        lengths = facts.of(_SETS[name])
        answer = lengths.answer or facts.of("annotated").answer
        number = facts.parents[0].cost.makes if name == "synthesized" else lengths.number
        if number == 0 or not lengths.prompt:
            return Cost(tokens=budget, matched=budget, notes=[f"there are no {name} to train on"])
        examples += budget * share / whole / (lengths.prompt + answer)
    return Cost(round(examples), budget, matched=budget)
