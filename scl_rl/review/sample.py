"""Drawing the notes to review, at random or from strata, and what the reviewed ones say of all."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import stats

from .record import Stratum

Stratify = Literal["length", "codes", "located"]
LEVEL = 0.95


class Interval(NamedTuple):
    """A share in [0, 1] with the bounds of its 95% interval."""

    value: float
    low: float
    high: float


def draw(
    notes: Sequence[dict[str, Any]], size: int, stratify: Stratify | None = None, seed: int = 0
) -> tuple[list[dict[str, Any]], list[Stratum]]:
    """Some of the notes, in their order, and the strata that they were drawn from.

    A stratum gets its share of the sample, and at least two notes (one, where it has but one).

    Args:
        notes: as :func:`.notes.review_note` makes them.
        stratify: by length of the text (three parts), number of predicted codes (0, 1-3, 4-9, 10+), or
            whether all quotes are in the note; None = one stratum.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    name_of = _naming(notes, stratify)
    for note in notes:
        groups.setdefault(name_of(note), []).append(note)
    rng = random.Random(f"{seed}-review")
    strata, chosen = [], set()
    for name, group in sorted(groups.items()):
        share = round(size * len(group) / len(notes))
        drawn = rng.sample(group, min(len(group), max(share, 2)))
        chosen |= {note["id"] for note in drawn}
        strata.append(Stratum(name=name, size=len(group), drawn=[note["id"] for note in drawn]))
    return [note for note in notes if note["id"] in chosen], strata


def _naming(notes: Sequence[dict[str, Any]], stratify: Stratify | None) -> Callable[[dict[str, Any]], str]:
    if stratify == "length":
        first, second = np.quantile([len(note["text"]) for note in notes], [1 / 3, 2 / 3])
        return lambda note: (
            "short" if len(note["text"]) <= first else "medium" if len(note["text"]) <= second else "long"
        )
    if stratify == "codes":
        return lambda note: _codes_group(sum(code["source"] == "model" for code in note["codes"]))
    if stratify == "located":
        return lambda note: "all quotes located" if _all_located(note) else "some quote not located"
    return lambda note: "all notes"


def _codes_group(number: int) -> str:
    for most, name in ((0, "no codes"), (3, "1-3 codes"), (9, "4-9 codes")):
        if number <= most:
            return name
    return "10 codes or more"


def _all_located(note: dict[str, Any]) -> bool:
    return all(mention["fragments"] for code in note["codes"] for mention in code["mentions"])


def widest(strata: Sequence[Stratum]) -> float:
    """Half the width of the interval at its worst: half of the notes all right, the other half all wrong."""
    total = sum(stratum.size for stratum in strata)
    variance = sum(
        (stratum.size / total) ** 2 * (1 - len(stratum.drawn) / stratum.size) * 0.25 / len(stratum.drawn)
        for stratum in strata
    )
    return float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt(variance)


def estimate(strata: Sequence[tuple[int | None, Sequence[tuple[float, float]]]]) -> Interval | None:
    """A share of all notes, such as that of right codes, from the reviewed ones.

    The combined ratio estimator with its linearised variance (Cochran, *Sampling Techniques*, chapter 6),
    Student's interval; notes are what is drawn, however many codes they have.

    Args:
        strata: for each its number of notes (None: without end) and, for each reviewed one, how many codes
            are right and how many there are.

    Returns:
        None if there are no codes, or if fewer than two notes were reviewed.
    """
    known = [(size, rows) for size, rows in strata if rows]
    reviewed = sum(len(rows) for _, rows in known)
    sizes = [size or len(rows) for size, rows in known]
    right = sum(
        n * float(np.mean([row[0] for row in rows])) for n, (_, rows) in zip(sizes, known, strict=True)
    )
    of = sum(n * float(np.mean([row[1] for row in rows])) for n, (_, rows) in zip(sizes, known, strict=True))
    if not of or reviewed < 2:
        return None
    share, variance = right / of, 0.0
    for n, (size, rows) in zip(sizes, known, strict=True):
        if len(rows) < 2:
            continue
        rest = np.array([row[0] - share * row[1] for row in rows])
        left = 1.0 if size is None else 1 - len(rows) / size
        variance += n**2 * left * float(rest.var(ddof=1)) / len(rows)
    degrees = max(1, reviewed - len(known))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, degrees)) * math.sqrt(variance) / of
    return Interval(share, max(0.0, share - reach), min(1.0, share + reach))
