"""A plan with its figures: what would run, on what, and what that takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..modeling.shape import ModelShape, model_shape
from ..recipe.schema import Recipe
from ..runner.manifest import Manifest
from ..runner.plan import Step, stage_folder
from ..runner.select import DATA
from .cost import Cost, Estimator, disk_needed
from .data import check_data
from .lengths import Lengths, TokenCounter, measure
from .sample import look_at


@dataclass(frozen=True)
class Forecast:
    """What the stages of a plan that would run will take.

    Attributes:
        costs: stage → its cost, for those that would run.
        lengths: set of the data → the lengths of its prompts and answers.
        counts: set of the data → its records.
        exact: tokens are counted by the model's tokenizer, on some records of each set.
        disk: bytes that will be needed at the peak, and that are free.
        notes: what else is to be said, in words.
    """

    costs: dict[str, Cost]
    lengths: dict[str, Lengths]
    counts: dict[str, int]
    shape: ModelShape | None
    exact: bool
    disk: tuple[int, int]
    gpu: bool
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """What is not about a single stage."""
        shape = self.shape
        return {
            "data": {
                name: {
                    "records": self.counts[name],
                    "examples": found.number,
                    "prompt_tokens": round(found.prompt, 1),
                    "answer_tokens": round(found.answer, 1) or None,
                }
                for name, found in self.lengths.items()
                if found.number
            },
            "tokens_by": "tokenizer" if self.exact else "characters",
            "model": {"parameters": shape.parameters, "context": shape.context} if shape else None,
            "disk_gb": {"needed": _gb(self.disk[0]), "free": _gb(self.disk[1])},
            "gpu": self.gpu,
            "notes": self.notes,
        }


def forecast(recipe: Recipe, steps: list[Step], run: Path) -> Forecast:
    """Estimate what a plan takes, without loading a model.

    Raises:
        UserError: the data is malformed, or the recipe does not fit it.
    """
    made = None if steps[0].runs else stage_folder(run, DATA)
    look = look_at(recipe, made)
    shape = model_shape(recipe.head.model, recipe.base)
    counter = TokenCounter(shape.tokenizer if shape else None)
    lengths = measure(recipe, look, counter)
    notes = check_data(recipe, look, lengths, shape, counter.exact)
    entries = Manifest.read(run).stages
    done = {step.name: entries[step.name].figures for step in steps if not step.runs}
    gpu = shutil.which("nvidia-smi") is not None
    costs = Estimator(recipe, lengths, shape, done, gpu).run()
    costs = {step.name: costs[step.name] for step in steps if step.runs and step.stage is not None}
    notes += [f"{name}: {note}" for name, cost in costs.items() for note in cost.notes]
    needed, free = disk_needed(list(costs.values())), _free(run)
    if needed > free:
        notes.append(f"the run needs about {_gb(needed)} GB of disk, and {_gb(free)} GB are free at {run}")
    if shape is None:
        notes.append(f"model '{recipe.head.model.name}' is not on this machine: its memory is unknown")
    return Forecast(costs, lengths, dict(look.counts), shape, counter.exact, (needed, free), gpu, notes)


def cost_as_json(cost: Cost) -> dict[str, Any]:
    """A stage's cost as ``plan --json`` prints it; null where it can't be said."""
    return {
        "examples": cost.examples,
        "tokens": cost.tokens,
        "generated_tokens": cost.generated,
        "steps": cost.steps,
        "memory_gb": None if cost.memory is None else _gb(cost.memory),
        "memory_parts_gb": {name: _gb(part) for name, part in cost.parts.items()},
        "disk_gb": _gb(cost.disk),
        "notes": cost.notes,
    }


def _gb(number: float) -> float:
    return round(number / 1e9, 2)


def _free(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free
