"""Preference pairs: which of many are kept, and what those that are kept teach."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...answer.prompt import Completion, Prompt
from .error_kinds import ErrorKind

MOST_OF_A_CODE = 2.0  # times the mean over codes
EVEN_ENOUGH = 0.02  # of the mean length


class Pair(BaseModel):
    """Two answers to one prompt. The first three fields are what trainers of preference datasets read.

    Attributes:
        document: id of the document (or window, or span).
        kind: "sampled", "hinted" (sampled, and the chosen answer is evidence that a stage filled in for known
            codes), or the corruption that made the rejected answer.
        error: the severest kind of error of which the rejected answer has more; ``errors`` are all.
        codes: what the pair is about: codes on which the answers differ.
        chosen_tokens, rejected_tokens: lengths.
        chosen_codes, rejected_codes: how many codes each assigns.
    """

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt
    chosen: Completion
    rejected: Completion
    document: str
    kind: str
    error: ErrorKind
    errors: list[ErrorKind]
    codes: list[str]
    chosen_score: float
    rejected_score: float
    chosen_tokens: int
    rejected_tokens: int
    chosen_codes: int = 0
    rejected_codes: int = 0


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """Each pair of answers to a prompt once."""
    found = {str((pair.prompt, pair.chosen, pair.rejected)): pair for pair in pairs}
    return list(found.values())


def balanced_over_codes(pairs: Sequence[Pair], rng: random.Random) -> list[Pair]:
    """The pairs without those about codes that have more than their share.

    No code is what more than twice the mean number of pairs is about, unless they are also about a rarer
    one. Which ones go is random.
    """
    counts = Counter(code for pair in pairs for code in pair.codes)
    if not counts:
        return list(pairs)
    most = math.ceil(MOST_OF_A_CODE * fmean(counts.values()))
    kept: set[int] = set()
    used: Counter[str] = Counter()
    for i in rng.sample(range(len(pairs)), len(pairs)):
        codes = pairs[i].codes
        if not codes or any(used[code] < most for code in codes):
            kept.add(i)
            used.update(codes)
    return [pair for i, pair in enumerate(pairs) if i in kept]


def balanced_in_length(pairs: Sequence[Pair], rng: random.Random) -> list[Pair]:
    """The pairs without so many of one direction that length alone would tell chosen from rejected.

    Where chosen answers are longer on average, pairs in which they are so by most are left out one by one
    until the means are within 2%; and the other way round.
    """
    return _balanced(pairs, lambda pair: (pair.chosen_tokens, pair.rejected_tokens), rng)


def balanced_in_coverage(pairs: Sequence[Pair], rng: random.Random) -> list[Pair]:
    """As :func:`balanced_in_length`, so that the number of codes does not tell chosen from rejected."""
    return _balanced(pairs, lambda pair: (pair.chosen_codes, pair.rejected_codes), rng)


def _balanced(
    pairs: Sequence[Pair], sizes: Callable[[Pair], tuple[int, int]], rng: random.Random
) -> list[Pair]:
    def more(pair: Pair) -> int:
        chosen, rejected = sizes(pair)
        return chosen - rejected

    left = sorted(pairs, key=lambda pair: (more(pair), rng.random()))
    start, end = 0, len(left)
    total = sum(map(more, left))
    size = sum(sum(sizes(pair)) for pair in left) / 2
    while end - start > 1 and abs(total) > EVEN_ENOUGH * size:
        if total > 0:
            end -= 1
            gone = left[end]
        else:
            gone = left[start]
            start += 1
        total -= more(gone)
        size -= sum(sizes(gone)) / 2
    kept = {id(pair) for pair in left[start:end]}
    return [pair for pair in pairs if id(pair) in kept]


def report(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What the pairs teach.

    Returns:
        ``pairs``, ``prompts``, counts ``by_kind``, ``by_error`` and ``by_code``, mean lengths in tokens
        ``chosen_tokens`` and ``rejected_tokens``, the share of pairs whose chosen answer is the longer one
        (``chosen_longer``; of those that differ), the mean numbers of codes ``chosen_codes`` and
        ``rejected_codes``, and the mean ``margin`` of the scores.
    """
    differing = [pair for pair in pairs if pair.chosen_tokens != pair.rejected_tokens]
    return {
        "pairs": len(pairs),
        "prompts": len({str(pair.prompt) for pair in pairs}),
        "by_kind": dict(Counter(pair.kind for pair in pairs).most_common()),
        "by_error": dict(Counter(pair.error for pair in pairs).most_common()),
        "by_code": dict(Counter(code for pair in pairs for code in pair.codes).most_common()),
        "chosen_tokens": _mean(pair.chosen_tokens for pair in pairs),
        "rejected_tokens": _mean(pair.rejected_tokens for pair in pairs),
        "chosen_longer": _mean(pair.chosen_tokens > pair.rejected_tokens for pair in differing),
        "chosen_codes": _mean(pair.chosen_codes for pair in pairs),
        "rejected_codes": _mean(pair.rejected_codes for pair in pairs),
        "margin": _mean(pair.chosen_score - pair.rejected_score for pair in pairs),
    }


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None
