"""Runs a recipe stage by stage, keeps what is unchanged and goes on where it stopped."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from .. import __version__
from ..atomic import write_json
from ..errors import Problem, UserError, WorkError
from ..preflight.data import check_data_first
from ..recipe.schema import Recipe
from ..stages.contract import CHECKPOINTS, StageResult
from ..stages.shared.interrupt import STOP
from ..stages.shared.launch import launch_of
from .context import context_of
from .execute.distributed import run_launched
from .execute.failure import disk_is_full, in_words
from .execute.local import run_apart
from .execute.stage_log import StageLog
from .manifest import Entry, Manifest, locked, now
from .plan import Step, partial_folder, plan, stage_folder
from .reward_smoke import try_rewards_first
from .select import DATA, Selection
from .summary import summarise


@dataclass(frozen=True)
class RunOptions:
    """How a recipe is run.

    Attributes:
        selection: the stages that may run, and those that have to.
        reuse: go on in the folder of another recipe of the same name.
        say: takes a line about something that happened.
        progress: takes a line about how far a stage is, in place of the last one.
    """

    selection: Selection = field(default_factory=Selection)
    reuse: bool = False
    say: Callable[[str], None] = print
    progress: Callable[[str], None] = lambda line: None


def run_recipe(recipe: Recipe, runs_dir: Path, options: RunOptions | None = None) -> Path:
    """Run what has to run and write ``summary.json``.

    Returns:
        The run's folder, ``runs_dir/<recipe name>``.

    Raises:
        UserError: the data, the options or what a stage was given is wrong.
        WorkError: a stage failed, the disk is full, or another process holds the folder.
        KeyboardInterrupt: stopped by the user; the next run goes on from here.
    """
    options = options or RunOptions()
    folder = runs_dir / recipe.name
    try:
        (folder / "stages").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(str(folder), f"can't be made: {error.strerror}")) from None
    STOP.asked = False
    try:
        with locked(folder):
            _run(recipe, folder, options)
    except OSError as error:
        if not disk_is_full(error, folder):
            raise
        raise WorkError(f"the disk of {folder} is full: make room; the same command goes on") from error
    return folder


def _run(recipe: Recipe, folder: Path, options: RunOptions) -> None:
    steps = plan(recipe, folder, options.selection)
    manifest = Manifest.read(folder)
    if not options.reuse:
        _check_same(recipe, folder, steps, manifest)
    write_resolved(recipe, folder / "recipe.resolved.yaml")
    if any(step.runs for step in steps):
        (folder / "summary.json").unlink(missing_ok=True)  # what it says no longer holds
    manifest.recipe, manifest.source = recipe.name, _source(recipe)
    results: dict[str, StageResult] = {}
    for step in steps:
        options.say(str(step))
        if step.runs:
            _run_step(recipe, folder, step, manifest, results, options)
        if STOP.asked:
            raise KeyboardInterrupt
        if step.stale:
            continue
        if step.name == DATA:
            if any(later.runs for later in steps[1:]):
                check_data_first(recipe, stage_folder(folder, DATA), options.say)
            try_rewards_first(recipe, steps, folder, options.say)
        entry = manifest.stages[step.name]
        results[step.name] = StageResult(
            step.name,
            step.kind,
            stage_folder(folder, step.name),
            step.stage.settings.outputs if step.stage else {},
            entry.figures,
            entry.minutes,
            tuple(results[parent] for parent in (step.stage.parents if step.stage else ())),
            step.stage.seed if step.stage else None,
        )
    fresh = [step for step in steps if not step.stale]
    write_json(folder / "summary.json", summarise(recipe, fresh, manifest))


def _source(recipe: Recipe) -> str:
    """Which recipe it is: its file, or the name of a shipped one."""
    path = Path(recipe.source)
    return str(path.resolve()) if path.is_file() else recipe.source


def _check_same(recipe: Recipe, folder: Path, steps: list[Step], manifest: Manifest) -> None:
    """Refuse to replace what another recipe of the same name made."""
    if manifest.source in ("", _source(recipe)):
        return
    lost = [
        step.name
        for step in steps
        if step.runs and (entry := manifest.stages.get(step.name)) is not None and entry.state == "done"
    ]
    if lost:
        what = f"{manifest.source} was run there; this would replace its {_listed(lost)}"
        raise UserError(Problem(str(folder), what, "give this recipe another 'name', or say --reuse"))


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"stage{'s' if len(names) > 1 else ''} {shown}{more}"


def write_resolved(recipe: Recipe, path: Path) -> None:
    """Write the recipe with its defaults and overrides."""
    header = f"# {recipe.source} as scl-rl {__version__} ran it; relative paths start at {recipe.base}\n"
    text = yaml.safe_dump(recipe.resolved(), sort_keys=False, allow_unicode=True, width=110)
    path.write_text(header + text, encoding="utf-8")


def _run_step(
    recipe: Recipe,
    run: Path,
    step: Step,
    manifest: Manifest,
    results: dict[str, StageResult],
    options: RunOptions,
) -> None:
    """Run one step in its partial folder, then put that in place. The manifest says how it went."""
    made_from = {parent: manifest.stages[parent].started for parent in step.parents}
    partial = partial_folder(run, step.name)
    earlier = _take_up(partial, step, made_from)
    log = StageLog(partial / "log.txt", options.say, options.progress)
    log.note(str(step))
    entry = Entry(
        kind=step.kind,
        state="running",
        key=step.key,
        ingredients=step.ingredients,
        made_from=made_from,
        started=now(),
    )
    manifest.stages[step.name] = entry
    manifest.write(run)
    clock = time.monotonic()

    def close(state: Literal["done", "failed", "interrupted"]) -> None:
        entry.state, entry.finished = state, now()
        entry.minutes = earlier + (time.monotonic() - clock) / 60

    try:
        entry.figures = _figures(recipe, run, step, partial, results, log)
    except BaseException as error:
        close("failed" if isinstance(error, Exception) else "interrupted")
        entry.error = str(error) or type(error).__name__
        with contextlib.suppress(OSError):  # the disk may be full
            manifest.write(run)
            _sign(partial, step.key, made_from, entry.minutes)
        if isinstance(error, Exception) and not isinstance(error, UserError):
            hint = step.stage.settings.memory_hint if step.stage else "make its sets smaller"
            what = log.failure(in_words(error, hint, partial), error)
            raise WorkError(f"stage {step.name} failed: {what}") from error
        raise
    final = stage_folder(run, step.name)
    shutil.rmtree(partial / CHECKPOINTS, ignore_errors=True)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    entry.outputs = sorted(f"stages/{step.name}/{file.name}" for file in final.iterdir())
    close("done")
    manifest.write(run)


def _figures(
    recipe: Recipe, run: Path, step: Step, partial: Path, results: dict[str, StageResult], log: StageLog
) -> dict[str, Any]:
    """Do the work of a step, unless it was done and only not yet put in place."""
    done = partial / "figures.json"
    if done.exists():
        return dict(json.loads(done.read_text(encoding="utf-8")))
    figures = _work(recipe, run, step, partial, results, log)
    write_json(done, figures)
    return figures


def _work(
    recipe: Recipe, run: Path, step: Step, partial: Path, results: dict[str, StageResult], log: StageLog
) -> dict[str, Any]:
    if step.stage is None:
        return dict(recipe.data.prepare(partial))
    stage = step.stage
    parents, beside = (tuple(results[name] for name in names) for names in (stage.parents, stage.beside))
    context = replace(
        context_of(recipe, run, step.name, partial, log.say, parents, beside, stage.seed),
        progress=log.progress,
    )
    settings = stage.settings
    launch = launch_of(settings, recipe.base)
    if launch is not None:
        return run_launched(settings, context, launch, log.path)
    return run_apart(settings, context, log.path) if settings.own_process else settings.run(context)


def _take_up(partial: Path, step: Step, made_from: dict[str, str]) -> float:
    """Make the partial folder ready: one left by the same work stays as it is, another goes.

    Returns:
        The minutes already spent on what it holds.
    """
    minutes = 0.0
    try:
        left = json.loads((partial / "key.json").read_text(encoding="utf-8"))
        same = not step.forced and (left["key"], left["made_from"]) == (step.key, made_from)
        minutes = float(left["minutes"]) if same else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _sign(partial, step.key, made_from, 0.0)
    return minutes


def _sign(partial: Path, key: str, made_from: dict[str, str], minutes: float) -> None:
    write_json(partial / "key.json", {"key": key, "made_from": made_from, "minutes": minutes})
