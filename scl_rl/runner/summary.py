"""``summary.json``: a run in one object."""

from __future__ import annotations

import platform
from typing import Any

from ..preflight.hardware import hardware
from ..recipe.schema import Recipe
from .folder import DATA
from .keys import versions
from .manifest import Manifest, now
from .plan import Step


def summarise(recipe: Recipe, steps: list[Step], manifest: Manifest) -> dict[str, Any]:
    """What was run on what, for how long, and what came out. Minutes are those of the stages as made."""
    entries = {step.name: manifest.stages[step.name] for step in steps}
    compared = [entry.figures for entry in entries.values() if entry.kind == "compare"]
    return {
        "recipe": recipe.name,
        "seed": recipe.head.seed,
        "finished": now(),
        "hardware": hardware(),
        "versions": {"python": platform.python_version(), **versions()},
        "minutes": round(sum(entry.minutes for entry in entries.values()), 2),
        "data": entries[DATA].figures,
        "stages": {
            name: {"kind": entry.kind, "minutes": round(entry.minutes, 2), "figures": entry.figures}
            for name, entry in entries.items()
            if name != DATA
        },
        "comparison": compared[-1] if compared else None,
    }
