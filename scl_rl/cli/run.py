"""``scl-rl run``"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import click

from . import options


@click.command()
@click.argument("recipe")
@options.overrides
@options.runs
@options.force
@options.as_json
@click.pass_context
def run(
    ctx: click.Context,
    recipe: str,
    overrides: tuple[str, ...],
    runs_dir: Path,
    force: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run RECIPE, a YAML file or the name of a shipped recipe.

    Stages whose settings, data, parents, rewards and library versions have not changed are skipped; a run
    that was stopped goes on where it was.
    """
    from ..recipe.load import load_recipe
    from ..runner.run import RunOptions, run_recipe
    from .tables import print_table

    messages = sys.stderr if as_json else sys.stdout

    def say(line: str) -> None:
        click.echo(line, file=messages)

    loaded = load_recipe(recipe, overrides)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what libraries print is not our output
            folder = run_recipe(loaded, runs_dir, RunOptions(force, say))
    except KeyboardInterrupt:
        click.echo("\nstopped; the same command goes on from here", err=True)
        ctx.exit(130)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    comparison = summary["comparison"] or {}
    if "table" in comparison:
        print_table(comparison["table"], comparison.get("notes", ()))
    click.echo(f"done: {folder / 'summary.json'}")
