"""``scl-rl check``"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

import click

from . import options


@click.command(epilog=options.examples("scl-rl check mine.yaml", "scl-rl check mine.yaml --full-size"))
@click.argument("recipe")
@options.overrides
@options.runs
@click.option("--full-size", is_flag=True, help="Use a full-size random model, to test memory.")
@options.as_json
def check(recipe: str, overrides: tuple[str, ...], runs_dir: Path, full_size: bool, as_json: bool) -> None:
    """Dry-run every stage of RECIPE for a step or two, on the longest samples first.

    A small random model of the same architecture replaces the real one, so that mistakes show within
    minutes instead of hours into the run. Existing runs are not changed.
    """
    from ..preflight.inspection import inspect
    from ..preflight.report import forecast
    from ..recipe.load import load_recipe
    from ..runner.dry_run import dry_run
    from ..runner.folder import RunFolder
    from ..runner.plan import make_plan
    from .console import RunConsole

    loaded = load_recipe(recipe, overrides)
    planned = make_plan(loaded, RunFolder(runs_dir / loaded.name))
    console = RunConsole(sys.stderr if as_json else sys.stdout)
    began = time.monotonic()
    running = [step.name for step in planned.running]
    notes = forecast(inspect(loaded, planned.data), running, planned.figures, planned.folder.path).notes
    try:
        for note in notes:
            console.say(f"note: {note}")
        with contextlib.redirect_stdout(sys.stderr):
            number = dry_run(loaded, planned.folder, console, full_size)
    finally:
        console.close()
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        click.echo(json.dumps({"recipe": loaded.name, "stages": number, "seconds": seconds, "notes": notes}))
    else:
        click.echo(f"all {number} stages of {loaded.name} work, as far as {seconds:.0f} seconds can show")
