"""A plan with its figures: what would run, on what, and what that takes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..stages.shared.config import Machine
from ..stages.shared.cost import Cost
from .cost import Estimator, disk_needed
from .inspection import Inspection
from .speed import stage_minutes


@dataclass(frozen=True)
class Forecast:
    """What the stages of a plan that would run will take.

    Attributes:
        costs: stage → its cost, for those that would run.
        minutes: stage → the minutes that it will take, where its like has run on this machine before.
        disk: bytes that will be needed at the peak, and that are free.
        notes: what else is to be said, in words.
    """

    inspection: Inspection
    costs: dict[str, Cost]
    minutes: dict[str, float]
    disk: tuple[int, int]
    gpu: bool
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """What is not about a single stage."""
        shape = self.inspection.shape
        return {
            "data": {
                name: {
                    "records": self.inspection.counts[name],
                    "examples": found.number,
                    "prompt_tokens": round(found.prompt, 1),
                    "answer_tokens": round(found.answer, 1) or None,
                }
                for name, found in self.inspection.lengths.items()
                if found.number
            },
            "tokens_by": "tokenizer" if self.inspection.exact else "characters",
            "model": {"parameters": shape.parameters, "context": shape.context} if shape else None,
            "disk_gb": {"needed": _gb(self.disk[0]), "free": _gb(self.disk[1])},
            "gpu": self.gpu,
            "notes": self.notes,
        }


def forecast(
    inspection: Inspection, running: Sequence[str], done: Mapping[str, Mapping[str, Any]], folder: Path
) -> Forecast:
    """Estimate what a plan takes, without loading a model.

    Args:
        running: the stages that would run.
        done: figures of the stages that need not run again.
        folder: the run's; its disk is the one that needs room.
    """
    machine = Machine.guessed()
    recipe = inspection.recipe
    costs = Estimator(recipe, inspection.lengths, inspection.shape, done, machine, inspection.codes).run()
    costs = {name: cost for name, cost in costs.items() if name in running}
    notes = [*inspection.notes, *(f"{name}: {note}" for name, cost in costs.items() for note in cost.notes)]
    minutes = stage_minutes(recipe, costs)
    needed, free = disk_needed(list(costs.values())), _free(folder)
    if needed > free:
        notes.append(f"the run needs about {_gb(needed)} GB of disk, and {_gb(free)} GB are free at {folder}")
    if inspection.shape is None:
        notes.append(f"model '{recipe.head.model.name}' is not on this machine: its memory is unknown")
    return Forecast(inspection, costs, minutes, (needed, free), machine.gpu, notes)


def estimate_as_json(found: Forecast, name: str) -> dict[str, Any]:
    """A stage's estimate as ``plan --json`` prints it; null where it can't be said."""
    cost, minutes = found.costs[name], found.minutes.get(name)
    return {
        "examples": cost.examples,
        "tokens": cost.tokens,
        "generated_tokens": cost.generated,
        "steps": cost.steps,
        "memory_gb": None if cost.memory is None else _gb(cost.memory),
        "memory_parts_gb": {name: _gb(part) for name, part in cost.parts.items()},
        "disk_gb": _gb(cost.disk),
        "minutes": None if minutes is None else round(minutes, 1),
        "notes": cost.notes,
    }


def _gb(number: float) -> float:
    return round(number / 1e9, 2)


def _free(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free
