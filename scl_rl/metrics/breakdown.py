"""Joint F1 by what makes a code or a document hard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from ..scoring.elsewhere import elsewhere, speaks_of_another
from ..scoring.tally import Counts
from .candidate import Candidate
from .judged import Judged

Wanted = Callable[[Judged, str], bool]
"""Whether a code of a document, gold or predicted, belongs to a group."""

SEEN = ((0, 0, "unseen"), (1, 4, "1-4"), (5, 19, "5-19"), (20, inf, "20+"))


def breakdowns(candidates: Sequence[Candidate], training: Mapping[str, int] | None) -> dict[str, Any]:
    """Joint F1 of each candidate in groups of codes or documents.

    Args:
        training: in how many training documents and spans each code occurs; None if nobody knows.

    Returns:
        ``by_training_count`` (if known), ``by_trap`` and ``by_length``, each a list of ``{"group",
        "documents", "codes", "joint_f1": {candidate: F1}}``; ``codes`` counts gold codes. Groups without gold
        codes are left out. In ``by_trap`` kinds of traps are groups of documents, kinds of mentions groups of
        gold codes (to which wrong codes don't belong).
    """
    found: dict[str, Any] = {}
    if training is not None:
        found["by_training_count"] = _table(candidates, _by_count(training))
    found["by_trap"] = _table(candidates, {**_by_trap(candidates[0].judged), **_by_mentions()})
    found["by_length"] = _table(candidates, _by_length(candidates[0].judged))
    return found


def _table(candidates: Sequence[Candidate], groups: Mapping[str, Wanted]) -> list[dict[str, Any]]:
    rows = []
    for name, wanted in groups.items():
        known = [one for one in candidates[0].judged if one.gold.has_evidence]
        gold = [sum(wanted(one, code) for code in one.gold.mentions) for one in known]
        if not sum(gold):
            continue
        scores = {candidate.name: _counts(candidate, wanted).f1 for candidate in candidates}
        rows.append(
            {"group": name, "documents": sum(map(bool, gold)), "codes": sum(gold), "joint_f1": scores}
        )
    return rows


def _counts(candidate: Candidate, wanted: Wanted) -> Counts:
    total = Counts()
    for one in candidate.judged:
        if not one.gold.has_evidence:
            continue
        cited = {code: right for code, right in one.cited.items() if wanted(one, code)}
        gold = sum(wanted(one, code) for code in one.gold.mentions)
        hits = sum(cited.values())
        total += Counts(hits, len(cited) - hits, gold - hits)
    return total


def _by_count(training: Mapping[str, int]) -> dict[str, Wanted]:
    def between(low: int, high: float) -> Wanted:
        return lambda one, code: low <= training.get(code, 0) <= high

    return {name: between(low, high) for low, high, name in SEEN}


def _by_trap(judged: Sequence[Judged]) -> dict[str, Wanted]:
    """Documents with a trap of a kind: as written in the document, or told from the words around."""
    traps = {one.document.id: _traps(one) for one in judged}

    def having(kind: str) -> Wanted:
        return lambda one, code: kind in traps[one.document.id]

    kinds = sorted({kind for found in traps.values() for kind in found})
    return {**{kind: having(kind) for kind in kinds}, "no trap": lambda one, code: not traps[one.document.id]}


def _traps(one: Judged) -> set[str]:
    written = getattr(one.document, "traps", None)
    if written is not None:
        return {str(trap["kind"]) for trap in written}
    places = [place for line in one.gold.gold_answer().lines for place, _ in elsewhere(one.gold, line)]
    if not places:
        return set()
    denied = any(speaks_of_another(one.gold.text, place) for place in places)
    return {"same words denied or a relative's" if denied else "same words elsewhere"}


def _by_mentions() -> dict[str, Wanted]:
    def gold(one: Judged, code: str) -> Sequence[Any]:
        return one.gold.mentions.get(code, ())

    return {
        "gold codes with one mention": lambda one, code: len(gold(one, code)) == 1,
        "gold codes with several mentions": lambda one, code: len(gold(one, code)) > 1,
        "gold codes with a discontinuous mention": lambda one, code: any(
            len(mention) > 1 for mention in gold(one, code)
        ),
    }


def _by_length(judged: Sequence[Judged]) -> dict[str, Wanted]:
    """Documents in three parts of equal size by the characters of their text."""
    lengths = [len(one.document.text) for one in judged]
    first, second = (int(bound) for bound in np.quantile(lengths, [1 / 3, 2 / 3]))
    return {
        f"up to {first:,} characters": lambda one, code: len(one.document.text) <= first,
        f"{first + 1:,} to {second:,} characters": lambda one, code: first < len(one.document.text) <= second,
        "longer": lambda one, code: len(one.document.text) > second,
    }
