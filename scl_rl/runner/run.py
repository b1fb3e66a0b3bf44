"""Runs a recipe stage by stage, keeps what is unchanged and resumes what was interrupted."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from .. import __version__
from ..atomic import PRIVATE_FOLDER, write_json, writing
from ..errors import Problem, UserError, WorkError
from ..preflight.inspection import Inspection, inspect
from ..preflight.speed import SHORT, keep_speeds
from ..process import confined
from ..recipe.schema import Recipe
from ..recipe.yaml12 import Dumper
from ..reporter import PRINTER, Reporter
from ..stages.contract import StageResult
from ..stages.shared.interrupt import STOP
from .execute.failure import disk_is_full
from .folder import DATA, RunFolder
from .manifest import Manifest, locked
from .plan import Plan, Step, make_plan
from .reward_smoke import smoke_test_rewards
from .select import Selection
from .step import StepRunner
from .summary import summarise


@dataclass(frozen=True)
class RunOptions:
    """How a recipe is run.

    Attributes:
        selection: the stages that may run, and those that have to.
        reuse: use the folder of another recipe of the same name.
        reporter: takes what happens and how far a stage is.
    """

    selection: Selection = field(default_factory=Selection)
    reuse: bool = False
    reporter: Reporter = PRINTER


def run_recipe(recipe: Recipe, runs_dir: Path, options: RunOptions | None = None) -> RunFolder:
    """Run what has to run and write the summary.

    Returns:
        The run's folder, ``runs_dir/<recipe name>``.

    Raises:
        UserError: the data, the options or what a stage was given is wrong.
        WorkError: a stage failed, the disk is full, or another process holds the folder.
        KeyboardInterrupt: stopped by the user; the next run resumes.
    """
    options = options or RunOptions()
    folder = RunFolder(runs_dir / recipe.name)
    try:
        with confined():
            folder.stages.mkdir(parents=True, exist_ok=True)
            folder.path.chmod(PRIVATE_FOLDER)  # one from before, too
    except OSError as error:
        raise UserError(Problem(str(folder), f"can't be made: {error.strerror}")) from None
    STOP.asked = False
    try:
        with confined(), locked(folder):
            _run(recipe, folder, options)
    except OSError as error:
        if not disk_is_full(error, folder.path):
            raise
        what = f"the disk of {folder} is full: make room and run it again to resume"
        raise WorkError(what) from error
    return folder


def _run(recipe: Recipe, folder: RunFolder, options: RunOptions) -> None:
    plan = make_plan(recipe, folder, options.selection, verify=True)
    manifest = plan.manifest
    if not options.reuse:
        _check_same(recipe, plan)
        _check_known(plan)
    write_resolved(recipe, folder.recipe)
    if plan.running:
        folder.summary.unlink(missing_ok=True)  # what it says no longer holds
    manifest.recipe, manifest.source = recipe.name, _source(recipe)
    results: dict[str, StageResult] = {}
    runner = StepRunner(recipe, folder, manifest, results, options.reporter)
    inspection: Inspection | None = None
    for step in plan.steps:
        options.reporter.say(str(step))
        if step.runs:
            runner.run(step)
        if STOP.asked:
            raise KeyboardInterrupt
        if step.stale:
            continue
        if step.name == DATA:
            inspection = _check_made_data(recipe, plan, options)
        results[step.name] = _result(step, folder, manifest, results)
    fresh = [step for step in plan.steps if not step.stale]
    write_json(folder.summary, summarise(recipe, fresh, manifest))
    if inspection is not None:
        _keep_speeds(inspection, plan)


def _keep_speeds(inspection: Inspection, plan: Plan) -> None:
    """For later plans; that they can't be kept is no reason to fail."""
    entries = plan.manifest.stages
    ran = {step.name: entries[step.name].minutes for step in plan.running if not step.stale}
    ran = {name: minutes for name, minutes in ran.items() if minutes >= SHORT}
    done = {name: entry.figures for name, entry in entries.items() if entry.state == "done"}
    if ran:
        with contextlib.suppress(OSError, UserError):
            keep_speeds(inspection, ran, done)


def _check_made_data(recipe: Recipe, plan: Plan, options: RunOptions) -> Inspection | None:
    """Check what the data step made, and the rewards on it, before the first stage runs.

    Returns:
        What was found out about the data; None if no stage runs.
    """
    running = [step.stage for step in plan.running if step.stage is not None]
    inspection = inspect(recipe, plan.folder.data(), max_bytes=float("inf")) if running else None
    for note in inspection.notes if inspection else ():
        options.reporter.say(f"note: {note}")
    smoke_test_rewards(recipe, running, plan.folder, options.reporter)
    return inspection


def _result(
    step: Step, folder: RunFolder, manifest: Manifest, results: dict[str, StageResult]
) -> StageResult:
    entry, stage = manifest.stages[step.name], step.stage
    return StageResult(
        step.name,
        stage.system if stage else step.name,
        step.kind,
        folder.stage(step.name).path,
        stage.settings.outputs if stage else {},
        entry.figures,
        entry.minutes,
        tuple(results[parent] for parent in (stage.parents if stage else ())),
        stage.seed if stage else None,
    )


def _source(recipe: Recipe) -> str:
    """Which recipe it is: its file, or the name of a shipped one."""
    path = Path(recipe.source)
    return str(path.resolve()) if path.is_file() else recipe.source


def _check_same(recipe: Recipe, plan: Plan) -> None:
    """Refuse to replace what another recipe of the same name made."""
    stages, source = plan.manifest.stages, plan.manifest.source
    if source in ("", _source(recipe)):
        return
    lost = [step.name for step in plan.running if step.name in stages and stages[step.name].state == "done"]
    if lost:
        what = f"{source} was run there; this would replace its {_listed(lost)}"
        raise UserError(Problem(str(plan.folder), what, "give this recipe another 'name', or say --reuse"))


def _check_known(plan: Plan) -> None:
    """Refuse to replace what the manifest, emptied or gone, says nothing of."""
    lost = [step.name for step in plan.running if step.name not in plan.manifest.stages]
    if lost := [name for name in lost if plan.folder.holds(name)]:
        what = f"does not list {_listed(lost)} in {plan.folder.stages}, which this would replace"
        hint = "put the manifest back, give this recipe another 'name', or say --reuse"
        raise UserError(Problem(str(plan.folder.manifest), what, hint))


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"stage{'s' if len(names) > 1 else ''} {shown}{more}"


def write_resolved(recipe: Recipe, path: Path) -> None:
    """Write the recipe with its defaults and overrides."""
    header = f"# {recipe.source} as scl-rl {__version__} ran it; relative paths start at {recipe.base}\n"
    text = yaml.dump(recipe.resolved(), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    with writing(path) as stream:
        stream.write(header + text)
