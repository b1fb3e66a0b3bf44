"""Runs a recipe stage by stage, keeps what is unchanged and goes on where it stopped."""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from .. import __version__
from ..corpus.sources import prepare
from ..errors import Problem, UserError, WorkError
from ..recipe.schema import Recipe
from ..stages.base import StageResult
from .context import context_of
from .data_check import check_data_first
from .manifest import Entry, Manifest, locked, now, write_json
from .plan import DATA, Step, partial_folder, plan, stage_folder
from .process import run_apart
from .summary import summarise
from .trial import try_rewards_first


@dataclass(frozen=True)
class RunOptions:
    """How a recipe is run: the stages to run in any case, and where its messages go."""

    force: tuple[str, ...] = ()
    say: Callable[[str], None] = print


def run_recipe(recipe: Recipe, runs_dir: Path, options: RunOptions | None = None) -> Path:
    """Run what has to run and write ``summary.json``.

    Returns:
        The run's folder, ``runs_dir/<recipe name>``.

    Raises:
        UserError: the data, the options or what a stage was given is wrong.
        WorkError: a stage failed, or another process holds the folder.
        KeyboardInterrupt: stopped by the user; the next run goes on from here.
    """
    options = options or RunOptions()
    folder = runs_dir / recipe.name
    try:
        (folder / "stages").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(str(folder), f"can't be made: {error.strerror}")) from None
    with locked(folder):
        steps = plan(recipe, folder, options.force)
        write_resolved(recipe, folder / "recipe.resolved.yaml")
        if any(step.runs for step in steps):
            (folder / "summary.json").unlink(missing_ok=True)  # what it says no longer holds
        manifest = Manifest.read(folder)
        manifest.recipe = recipe.name
        results: dict[str, StageResult] = {}
        for step in steps:
            options.say(str(step))
            if step.runs:
                _run_step(recipe, folder, step, manifest, results, options)
            if step.name == DATA:
                if any(later.runs for later in steps[1:]):
                    check_data_first(recipe, stage_folder(folder, DATA), options.say)
                try_rewards_first(recipe, steps, folder, options.say)
            entry = manifest.stages[step.name]
            results[step.name] = StageResult(
                step.name,
                step.kind,
                stage_folder(folder, step.name),
                entry.figures,
                entry.minutes,
                tuple(results[parent] for parent in (step.stage.parents if step.stage else ())),
                step.stage.seed if step.stage else None,
            )
        write_json(folder / "summary.json", summarise(recipe, steps, manifest))
    return folder


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
        entry.figures = _work(recipe, run, step, partial, results, options)
    except BaseException as error:
        close("failed" if isinstance(error, Exception) else "interrupted")
        entry.error = str(error) or type(error).__name__
        manifest.write(run)
        _sign(partial, step.key, made_from, entry.minutes)
        if isinstance(error, Exception) and not isinstance(error, UserError):
            raise WorkError(_logged(run, step.name, error)) from error
        raise
    final = stage_folder(run, step.name)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    entry.outputs = sorted(f"stages/{step.name}/{file.name}" for file in final.iterdir())
    close("done")
    manifest.write(run)


def _work(
    recipe: Recipe, run: Path, step: Step, partial: Path, results: dict[str, StageResult], options: RunOptions
) -> dict[str, Any]:
    if step.stage is None:
        return dict(prepare(recipe.data, partial))
    stage = step.stage
    parents, beside = (tuple(results[name] for name in names) for names in (stage.parents, stage.beside))
    context = context_of(recipe, run, step.name, partial, options.say, parents, beside, stage.seed)
    settings = stage.settings
    return run_apart(settings, context) if settings.own_process else settings.run(context)


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


def _logged(run: Path, stage: str, error: BaseException) -> str:
    """Write the traceback to the run's log; what to tell the user."""
    log = run / "log.txt"
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"{now()} stage {stage}\n{''.join(traceback.format_exception(error))}\n")
    lines = str(error).strip().splitlines()
    what = lines[0] if lines else "no message"
    if not isinstance(error, WorkError):
        what = f"{type(error).__name__}: {what}"
    return f"stage {stage} failed: {what} (traceback in {log})"
