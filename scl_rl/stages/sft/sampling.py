"""How often each span is trained on: weighed by where it comes from, and so that rare codes have some."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import TypeVar

from ...corpus.types import Span
from ...errors import UserError
from ...suggest import did_you_mean
from ...synthesis.quotas import flattened
from .settings import SpanSamplingSettings

Example = TypeVar("Example")


def check_weights(settings: SpanSamplingSettings, spans: Iterable[Span]) -> None:
    """Refuse weights for names that none of the spans has.

    Raises:
        UserError: there is such a weight.
    """
    known = {name for span in spans for name in span.labels()} if settings.weights else set()
    for name in settings.weights:
        if name not in known:
            hint = did_you_mean(name, known, "they have")
            what = f"no span has the source, rule, style or teacher '{name}'"
            raise UserError(f"span_sampling.weights: {what}{f' ({hint})' if hint else ''}")


def span_weights(spans: Sequence[Span], settings: SpanSamplingSettings) -> list[float] | None:
    """How often each span is trained on, in proportion; None = all alike.

    Raises:
        UserError: they exclude every span.
    """
    if not settings.weights and settings.temperature == 1:
        return None
    labels = [span.labels() for span in spans]
    weights = [prod(settings.weights.get(name, 1.0) for name in names) for names in labels]
    counts: Counter[str] = Counter()
    for span, weight in zip(spans, weights, strict=True):
        counts[span.code] += weight  # type: ignore[assignment]
    if spans and not any(weights):
        raise UserError("span_sampling.weights: they exclude every span")
    shares = flattened({code: count for code, count in counts.items() if count}, settings.temperature)
    return [
        weight and weight / counts[span.code] * shares[span.code]
        for span, weight in zip(spans, weights, strict=True)
    ]


def shuffled_turns(
    examples: Sequence[Example], weights: Sequence[float] | None, rng: random.Random
) -> Iterator[list[Example]]:
    """Turns of as many examples as there are, in random order, for ever; none if there are no examples.

    Without weights, or with equal ones, a turn has each example once. Otherwise it has each as often as its
    share says, rounded up or down at random (systematic sampling), so that none waits long for its turn.
    """
    order = list(examples)
    drawn = [(example, weight) for example, weight in zip(order, weights or (), strict=False) if weight]
    ends = list(accumulate(weight for _, weight in drawn))
    while order:
        if weights is not None:
            step, first = ends[-1] / len(ends), rng.random()
            at = (bisect_right(ends, (first + number) * step) for number in range(len(ends)))
            order = [drawn[min(place, len(ends) - 1)][0] for place in at]
        rng.shuffle(order)
        yield list(order)
