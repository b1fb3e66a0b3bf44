"""Candidates side by side: the table, the differences between them, and what may be said of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .breakdown import breakdowns
from .candidate import Candidate
from .difference import System, differences, systems_of

RESAMPLES = 2000


def comparison(
    candidates: Sequence[Candidate],
    *,
    against: Sequence[str] = (),
    training: Mapping[str, int] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """The comparison of some candidates on the same documents.

    Args:
        against: systems with which all others are compared; each is also compared with its parent. The
            first if none is named.
        training: as for :func:`~.breakdown.breakdowns`.
        resamples: draws of the bootstrap and of the randomisation test.

    Returns:
        ``{"candidates", "table": {"columns", "rows"}, "pairs", "breakdowns", "notes", "settings"}``.
    """
    systems = systems_of(candidates)
    wanted = _pairs(systems, against)
    pairs = differences(systems, wanted, resamples, seed) if wanted else []
    return {
        "candidates": [_as_dict(candidate) for candidate in candidates],
        "table": _table(candidates, systems),
        "pairs": pairs,
        "breakdowns": breakdowns(candidates, training),
        "notes": [
            *(pair["conclusion"] for pair in pairs),
            *_caveats(systems, pairs),
            *_unpredicted(candidates),
        ],
        "settings": {
            "documents": len(candidates[0].judged),
            "resamples": resamples,
            "seed": seed,
            "pairs": len(pairs),
            "interval": "95% over documents: Student, variance of paired bootstrap and jackknife",
            "test": "paired randomisation, two-sided",
            "correction": "Holm over the pairs, for each figure",
        },
    }


def _pairs(systems: Mapping[str, System], against: Sequence[str]) -> list[tuple[str, str]]:
    """What is compared with what, each pair once."""
    baselines = list(against) or list(systems)[:1]
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for name, system in systems.items():
        parent = system.runs[0].parent
        for other in (parent, *baselines):
            if other is not None and other in systems and other != name:
                pairs.setdefault(frozenset((other, name)), (other, name))
    return list(pairs.values())


def _unpredicted(candidates: Sequence[Candidate]) -> list[str]:
    """Which candidates have predictions for some documents only."""
    numbers = {c.name: sum(not one.predicted for one in c.judged) for c in candidates}
    return [
        f"{name}: {number:,} documents have no prediction and count as predicted without codes"
        for name, number in numbers.items()
        if number
    ]


def _caveats(systems: Mapping[str, System], pairs: Sequence[Any]) -> list[str]:
    """What the intervals leave out."""
    once = [s.name for s in systems.values() if len(s.runs) == 1 and s.runs[0].tokens is not None]
    if not pairs or not once:
        return []
    return [f"trained once: {', '.join(once)}; how far another seed would land is in no interval"]


def _as_dict(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "system": candidate.system,
        "seed": candidate.seed,
        "parent": candidate.parent,
        "kind": candidate.kind or None,
        "tokens": candidate.tokens,
        "minutes": candidate.minutes,
        "joint_per_million_tokens": _per_million(candidate),
        "figures": candidate.figures,
    }


def _per_million(candidate: Candidate) -> float | None:
    joint: float = candidate.figures["joint"]["micro"]["f1"]
    return 1e6 * joint / candidate.tokens if candidate.tokens else None


def _tier_order(tier: str) -> tuple[int, str]:
    return len(tier), tier


def _table(candidates: Sequence[Candidate], systems: Mapping[str, System]) -> dict[str, Any]:
    """A row for each candidate and, after several seeds of a system, one with their mean."""
    tiers = sorted({tier for c in candidates for tier in c.figures.get("tiers", {})}, key=_tier_order)
    costs = any(candidate.tokens is not None for candidate in candidates)
    columns = [
        "model",
        "code F1 micro",
        "code F1 macro",
        "joint F1",
        *(f"joint {tier}" for tier in tiers),
        "grounded",
        *(["tokens trained", "minutes", "joint F1 a million tokens"] if costs else []),
    ]
    rows: list[list[Any]] = []
    for system in systems.values():
        own = [_row(candidate, tiers, costs) for candidate in system.runs]
        rows += own
        if len(own) > 1:
            means = [_mean(cells) for cells in list(zip(*own, strict=True))[1:]]
            rows.append([f"{system.name}, mean of {len(own)}", *means])
    return {"columns": columns, "rows": rows}


def _row(candidate: Candidate, tiers: Sequence[str], costs: bool) -> list[Any]:
    figures = candidate.figures
    minutes = None if candidate.minutes is None else round(candidate.minutes, 1)
    return [
        candidate.name,
        figures["code"]["micro"]["f1"],
        figures["code"]["macro"]["f1"],
        figures["joint"]["micro"]["f1"],
        *(figures.get("tiers", {}).get(tier, {}).get("f1", 0.0) for tier in tiers),
        figures["evidence"]["grounded"],
        *([candidate.tokens, minutes, _per_million(candidate)] if costs else []),
    ]


def _mean(cells: Sequence[Any]) -> Any:
    known = [cell for cell in cells if cell is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    return round(mean) if all(isinstance(cell, int) for cell in known) else mean
