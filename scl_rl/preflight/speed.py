"""How fast stages were on this machine, so that a plan can say how long it will take.

Speeds are tokens of a stage's own estimate per minute. They are kept in the user's cache by kind, model and
machine; nothing of the data is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..atomic import write_json
from ..recipe.schema import Recipe, Stage
from ..stages.shared.config import Machine
from ..stages.shared.cost import Cost
from ..user_cache import cache_folder
from .cost import Estimator
from .hardware import hardware
from .inspection import Inspection

SHORT = 0.5  # minutes; what is shorter was mostly spent on starting


def stage_minutes(recipe: Recipe, costs: Mapping[str, Cost]) -> dict[str, float]:
    """Stage → the minutes that it will take, for those whose like has run here."""
    speeds, machine = _kept(), _machine()
    found = {}
    for stage in recipe.stages:
        cost, speed = costs.get(stage.name), speeds.get(_key(recipe, stage, machine))
        if cost is not None and cost.tokens is not None and speed:
            found[stage.name] = cost.tokens / speed
    return found


def keep_speeds(inspection: Inspection, minutes: Mapping[str, float], figures: Mapping[str, Any]) -> None:
    """Keep how fast the stages of a run were.

    Args:
        minutes: of each stage that ran for longer than :data:`SHORT`, from its start to its end.
        figures: of every stage that is done.
    """
    recipe, machine = inspection.recipe, _machine()
    estimator = Estimator(
        recipe, inspection.lengths, inspection.shape, figures, Machine.guessed(), inspection.codes
    )
    costs, speeds = estimator.run(), _kept()
    for stage in recipe.stages:
        if stage.name in minutes and (tokens := costs[stage.name].tokens):
            speeds[_key(recipe, stage, machine)] = round(tokens / minutes[stage.name], 1)
    folder = cache_folder("speeds")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "speeds.json", speeds)


def _kept() -> dict[str, float]:
    try:
        speeds = json.loads((cache_folder("speeds") / "speeds.json").read_text(encoding="utf-8"))
        return {key: float(speed) for key, speed in speeds.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or damaged: they are measured again
        return {}


def _machine() -> str:
    found = hardware()
    return " ".join(str(found[name]) for name in ("cpu", "cores", "gpu"))


def _key(recipe: Recipe, stage: Stage, machine: str) -> str:
    model, adapter = recipe.head.model, "adapter" if stage.settings.adapter() else "whole"
    size = f"{recipe.shape.parameters:,}" if recipe.shape else ""  # folders may have one name
    return " | ".join([stage.kind, model.name, size, model.dtype, adapter, f"{stage.processes}", machine])
