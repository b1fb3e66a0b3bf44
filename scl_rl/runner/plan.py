"""Which stages of a recipe have to run, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem, UserError
from ..recipe.schema import Recipe, Stage
from ..suggest import did_you_mean
from .keys import changes, data_ingredients, key_of, stage_ingredients
from .manifest import Manifest, minute

DATA = "data"


@dataclass(frozen=True)
class Step:
    """One stage of a plan. ``stage`` is None for the data step."""

    name: str
    kind: str
    parents: tuple[str, ...]
    stage: Stage | None
    key: str
    ingredients: dict[str, Any]
    runs: bool
    reason: str
    forced: bool = False

    def __str__(self) -> str:
        return f"{'run' if self.runs else 'skip'} {self.name}: {self.reason}"


def stage_folder(run: Path, name: str) -> Path:
    """Where a stage's outputs lie."""
    return run / "stages" / name


def partial_folder(run: Path, name: str) -> Path:
    """Where a stage works until it is done."""
    return run / "stages" / f".{name}.partial"


def plan(recipe: Recipe, run: Path, force: Collection[str] = ()) -> list[Step]:
    """The steps of a recipe in the order in which they run, the data step first.

    Args:
        run: the run's folder; it need not exist.
        force: stages to run although nothing changed; a stage that fanned out may be named as written.

    Raises:
        UserError: ``force`` names no stage, or the folder's manifest is damaged.
    """
    known = {DATA, *recipe.written, *(stage.name for stage in recipe.stages)}
    wrong = [name for name in force if name not in known]
    if wrong:
        raise UserError(
            *(
                Problem(f"--force {name}", "there is no such stage", did_you_mean(name, known))
                for name in wrong
            )
        )
    manifest = Manifest.read(run)
    steps: dict[str, Step] = {}

    def add(name: str, stage: Stage | None, ingredients: dict[str, Any], forced: bool) -> None:
        parents = (*stage.parents, *stage.beside) if stage else ()
        key = key_of(ingredients)
        remade = [parent for parent in parents if steps[parent].runs]
        reason = "forced" if forced else _reason(name, key, ingredients, remade, manifest, run)
        runs = bool(reason)
        if not runs:
            reason = f"unchanged since {minute(manifest.stages[name].finished)}"
        kind = stage.kind if stage else DATA
        steps[name] = Step(name, kind, parents, stage, key, ingredients, runs, reason, forced)

    add(DATA, None, data_ingredients(recipe), DATA in force)
    for stage in recipe.stages:
        parents = {parent: steps[parent].key for parent in (*stage.parents, *stage.beside)}
        ingredients = stage_ingredients(recipe, stage, steps[DATA].key, parents)
        written = next(name for name, settings in recipe.written.items() if settings is stage.settings)
        add(stage.name, stage, ingredients, stage.name in force or written in force)
    return list(steps.values())


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
