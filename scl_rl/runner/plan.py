"""Which stages of a recipe have to run, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem, UserError
from ..recipe.schema import Recipe, Stage
from .keys import changes, data_ingredients, key_of, stage_ingredients
from .manifest import Manifest, minute
from .select import DATA, Selection


@dataclass(frozen=True)
class Step:
    """One stage of a plan. ``stage`` is None for the data step.

    ``stale`` is one that would have to run, and was left out.
    """

    name: str
    kind: str
    parents: tuple[str, ...]
    stage: Stage | None
    key: str
    ingredients: dict[str, Any]
    runs: bool
    reason: str
    forced: bool = False
    stale: bool = False

    def __str__(self) -> str:
        return f"{'run' if self.runs else 'skip'} {self.name}: {self.reason}"


def stage_folder(run: Path, name: str) -> Path:
    """Where a stage's outputs lie."""
    return run / "stages" / name


def partial_folder(run: Path, name: str) -> Path:
    """Where a stage works until it is done."""
    return run / "stages" / f".{name}.partial"


def plan(recipe: Recipe, run: Path, selection: Selection | None = None) -> list[Step]:
    """The steps of a recipe in the order in which they run, the data step first.

    Args:
        run: the run's folder; it need not exist.
        selection: which stages may run, and which have to.

    Raises:
        UserError: ``selection`` names no stage, or leaves out what has to run first; or the folder's
            manifest is damaged.
    """
    selection = selection or Selection()
    chosen, forced = selection.chosen(recipe), selection.forced(recipe)
    manifest = Manifest.read(run)
    steps: dict[str, Step] = {}

    def add(name: str, stage: Stage | None, ingredients: dict[str, Any]) -> None:
        parents = (*stage.parents, *stage.beside) if stage else ()
        key = key_of(ingredients)
        remade = [parent for parent in parents if steps[parent].runs]
        force = name in forced
        reason = "forced" if force else _reason(name, key, ingredients, remade, manifest, run)
        runs, stale = bool(reason) and name in chosen, bool(reason) and name not in chosen
        if not reason:
            reason = f"unchanged since {minute(manifest.stages[name].finished)}"
        if stale:
            reason = f"left out ({reason})"
        if runs:
            _check_first([DATA, *parents] if stage else [], name, steps)
        kind = stage.kind if stage else DATA
        steps[name] = Step(name, kind, parents, stage, key, ingredients, runs, reason, force, stale)

    add(DATA, None, data_ingredients(recipe))
    for stage in recipe.stages:
        keys = {parent: steps[parent].key for parent in (*stage.parents, *stage.beside)}
        add(stage.name, stage, stage_ingredients(recipe, stage, steps[DATA].key, keys))
    return list(steps.values())


def _check_first(needed: list[str], name: str, steps: dict[str, Step]) -> None:
    for other in needed:
        if steps[other].stale:
            what = f"stage '{other}' has to run before it: {steps[other].reason}"
            raise UserError(Problem(f"stage '{name}'", what, f"run it too, or first: --until {other}"))


def _reason(
    name: str,
    key: str,
    ingredients: dict[str, Any],
    remade: list[str],
    manifest: Manifest,
    run: Path,
) -> str:
    """Why a stage has to run; empty if it need not."""
    entry = manifest.stages.get(name)
    if entry is None:
        return "first run"
    if entry.key != key:
        found = changes(entry.ingredients, ingredients)
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return ", ".join(found[:3]) + more or "scl-rl changed"
    if remade:
        return f"parent {remade[0]} runs again"
    if entry.state == "failed":
        return "failed last time"
    if entry.state != "done":
        return "was interrupted"
    if not stage_folder(run, name).is_dir():
        return "its folder is gone"
    for parent, started in entry.made_from.items():
        if manifest.stages[parent].started != started:
            return f"parent {parent} was made anew"
    return ""
