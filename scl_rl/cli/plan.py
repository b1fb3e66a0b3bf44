"""``scl-rl plan``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command()
@click.argument("recipe")
@options.overrides
@options.runs
@options.force
@options.as_json
def plan(
    recipe: str, overrides: tuple[str, ...], runs_dir: Path, force: tuple[str, ...], as_json: bool
) -> None:
    """Say which stages of RECIPE would run, and why. Nothing is run or written."""
    from ..recipe.load import load_recipe
    from ..runner.plan import plan as plan_recipe
    from .tables import print_table

    loaded = load_recipe(recipe, overrides)
    folder = runs_dir / loaded.name
    steps = plan_recipe(loaded, folder, force)
    if as_json:
        stages = [
            {
                "name": step.name,
                "kind": step.kind,
                "parents": list(step.parents),
                "run": step.runs,
                "reason": step.reason,
                "key": step.key,
            }
            for step in steps
        ]
        shown = {"recipe": loaded.name, "folder": str(folder), "stages": stages}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    rows = [
        ["run" if step.runs else "skip", step.name, step.kind, ", ".join(step.parents), step.reason]
        for step in steps
    ]
    print_table({"columns": ["", "stage", "kind", "from", "why"], "rows": rows})
    click.echo(f"{sum(step.runs for step in steps)} of {len(steps)} stages would run in {folder}")
