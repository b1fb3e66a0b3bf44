"""Which stages of a recipe have to run, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem, UserError
from ..recipe.schema import Recipe, Stage
from ..stages.contract import MODEL
from .folder import DATA, RunFolder
from .keys import changes, data_ingredients, key_of, stage_ingredients
from .manifest import Manifest, minute
from .outputs import change, without_model
from .select import Selection


@dataclass(frozen=True)
class Step:
    """One stage of a plan.

    Attributes:
        stage: None for the data step.
        parents: names of the stages whose outputs it takes, those that it also needs included.
        stale: it would have to run, and was left out.
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

    @property
    def done(self) -> bool:
        """Whether its outputs are there and up to date."""
        return not self.runs and not self.stale


@dataclass(frozen=True)
class Plan:
    """The steps of a recipe in the order in which they run, the data step first.

    Attributes:
        manifest: the run folder's, as it was read for the plan.
    """

    folder: RunFolder
    steps: list[Step]
    manifest: Manifest

    @property
    def running(self) -> list[Step]:
        """The steps that run."""
        return [step for step in self.steps if step.runs]

    @property
    def data(self) -> dict[str, Path] | None:
        """The files of the data step, None where it has to run first."""
        return self.folder.data() if self.steps[0].done else None

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        """What the stages that are done and up to date reported."""
        return {step.name: self.manifest.stages[step.name].figures for step in self.steps if step.done}


def make_plan(
    recipe: Recipe, folder: RunFolder, selection: Selection | None = None, verify: bool = False
) -> Plan:
    """Find out what has to run.

    Args:
        folder: the run's folder; it need not exist.
        selection: which stages may run, and which have to.
        verify: read the outputs that are going to be used, and compare their checksums; otherwise only files
            whose length or time differ are looked at more closely.

    Raises:
        UserError: ``selection`` names no stage, or leaves out what has to run first; or the folder's
            manifest is damaged.
    """
    planner = _Planner(recipe, folder, selection or Selection())
    steps = planner.steps()
    while verify and planner.find_damage(steps):
        steps = planner.steps()
    return Plan(folder, steps, planner.manifest)


class _Planner:
    def __init__(self, recipe: Recipe, folder: RunFolder, selection: Selection) -> None:
        self._recipe = recipe
        self._folder = folder
        self._chosen, self._forced = selection.chosen(recipe), selection.forced(recipe)
        self._ingredients: dict[str, dict[str, Any]] = {}
        self._damage: dict[str, str] = {}  # stage → what verification found
        self._verified: set[tuple[str, bool]] = set()
        self.manifest = Manifest.read(folder)

    def steps(self) -> list[Step]:
        """The steps, by what is known now."""
        steps: dict[str, Step] = {}
        self._add(DATA, None, steps)
        for stage in self._recipe.stages:
            self._add(stage.name, stage, steps)
        return list(steps.values())

    def _add(self, name: str, stage: Stage | None, steps: dict[str, Step]) -> None:
        parents = (*stage.parents, *stage.also_needs) if stage else ()
        if name not in self._ingredients:
            self._ingredients[name] = (
                data_ingredients(self._recipe)
                if stage is None
                else stage_ingredients(
                    self._recipe, stage, steps[DATA].key, {parent: steps[parent].key for parent in parents}
                )
            )
        ingredients = self._ingredients[name]
        key = key_of(ingredients)
        force = name in self._forced
        remade = [f"parent {parent} runs again" for parent in parents if steps[parent].runs]
        remade += [f"parent {parent} is out of date" for parent in parents if steps[parent].stale]
        reason = "forced" if force else self._reason(name, key, ingredients, remade)
        runs, stale = bool(reason) and name in self._chosen, bool(reason) and name not in self._chosen
        if not reason:
            reason = f"unchanged since {minute(self.manifest.stages[name].finished)}"
        if stale:
            reason = f"left out ({reason})"
        if runs:
            _check_first([DATA, *parents] if stage else [], name, steps)
        kind = stage.kind if stage else DATA
        steps[name] = Step(name, kind, parents, stage, key, ingredients, runs, reason, force, stale)

    def _reason(self, name: str, key: str, ingredients: dict[str, Any], remade: list[str]) -> str:
        """Why a stage has to run; empty if it need not."""
        entry = self.manifest.stages.get(name)
        if entry is None:
            return "there, but not in manifest.json" if self._folder.holds(name) else "first run"
        if entry.key != key:
            changed = changes(entry.ingredients, ingredients)
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            return ", ".join(changed[:3]) + more or "scl-rl changed"
        if remade:
            return remade[0]
        if entry.state == "failed":
            return "failed last time"
        if entry.state != "done":
            return "was interrupted"
        if not self._folder.stage(name).path.is_dir():
            return "its folder is gone"
        files = self.manifest.files(name, self._folder)
        if found := self._damage.get(name) or change(files, self._folder.stage(name)):
            return found
        for parent, started in entry.made_from.items():
            made = self.manifest.stages.get(parent)
            if made is None or made.started != started:
                return f"parent {parent} was made anew"
        return ""

    def find_damage(self, steps: list[Step]) -> bool:
        """Verify what the steps that run may read of those that don't; whether something new was found."""
        by_name = {step.name: step for step in steps}
        new = False
        for name, models in _read_by_running(by_name).items():
            if not by_name[name].done or (name, models) in self._verified:
                continue
            self._verified.add((name, models))
            files = self.manifest.files(name, self._folder)
            read = files if models else without_model(files)
            if found := change(read, self._folder.stage(name), verify=True):
                self._damage[name] = found
                new = True
        return new


def _read_by_running(steps: dict[str, Step]) -> dict[str, bool]:
    """The stages whose outputs the steps that run may read, and whether their models are among them.

    A stage may read any output of any stage that it descends from. Of models it reads the nearest, and none
    if it loads none.
    """
    read: dict[str, bool] = {}
    for step in reversed(steps.values()):
        if step.stage is None or not (step.runs or step.name in read):
            continue
        settings = step.stage.settings
        passes_on = read.get(step.name, False) and MODEL not in settings.outputs
        models = passes_on or (step.runs and settings.cost is not None)
        for parent in (DATA, *step.parents):
            read[parent] = read.get(parent, False) or models
    return read


def _check_first(needed: list[str], name: str, steps: dict[str, Step]) -> None:
    for other in needed:
        if steps[other].stale:
            what = f"stage '{other}' has to run before it: {steps[other].reason}"
            raise UserError(Problem(f"stage '{name}'", what, f"run it too, or first: --until {other}"))
