"""Candidates side by side: the table, and in words what fell short of what it was built on."""

from __future__ import annotations

from typing import Any


def comparison(candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """The table of some candidates on the same documents.

    Args:
        candidates: ``{"name", "figures"}`` with what ``evaluate`` reports, and for trained models
            ``parent``, ``kind``, ``tokens`` and ``minutes`` (those of their parents included).

    Returns:
        ``{"candidates", "table": {"columns", "rows"}, "notes"}``.
    """
    tiers = sorted({tier for c in candidates for tier in c["figures"].get("tiers", {})}, key=_tier_order)
    costs = any("tokens" in candidate for candidate in candidates)
    columns = [
        "model",
        "code F1 micro",
        "code F1 macro",
        "joint F1",
        *(f"joint {tier}" for tier in tiers),
        "grounded",
        *(["tokens trained", "minutes"] if costs else []),
    ]
    rows = [_row(candidate, tiers, costs) for candidate in candidates]
    return {
        "candidates": candidates,
        "table": {"columns": columns, "rows": rows},
        "notes": _notes(candidates),
    }


def _tier_order(tier: str) -> tuple[int, str]:
    return len(tier), tier


def _row(candidate: dict[str, Any], tiers: list[str], costs: bool) -> list[Any]:
    figures = candidate["figures"]
    cost = [candidate.get("tokens", 0), round(candidate.get("minutes", 0.0), 1)] if costs else []
    return [
        candidate["name"],
        figures["code"]["micro"]["f1"],
        figures["code"]["macro"]["f1"],
        figures["joint"]["micro"]["f1"],
        *(figures.get("tiers", {}).get(tier, {}).get("f1", 0.0) for tier in tiers),
        figures["evidence"]["grounded"],
        *cost,
    ]


def _notes(candidates: list[dict[str, Any]]) -> list[str]:
    """How each stage that goes on from another did against it, on these documents."""
    by_name = {candidate["name"]: candidate for candidate in candidates}
    notes = []
    for candidate in candidates:
        parent = by_name.get(candidate.get("parent") or "")
        if parent is None:
            continue
        joint = candidate["figures"]["joint"]["micro"]["f1"]
        before = parent["figures"]["joint"]["micro"]["f1"]
        where = "above" if joint > before else "level with" if joint == before else "BELOW"
        notes.append(
            f"{candidate['name']} is {where} its parent {parent['name']}: "
            f"joint F1 {joint:.3f} against {before:.3f}"
        )
    return notes
