"""``scl-rl plan``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options

if TYPE_CHECKING:
    from ..preflight.report import Forecast
    from ..runner.plan import Plan


@click.command(
    epilog=options.examples("scl-rl plan quickstart", "scl-rl plan mine.yaml --set scl.tokens=60000 --json")
)
@click.argument("recipe")
@options.overrides
@options.runs
@options.selection
@options.as_json
def plan(
    recipe: str,
    overrides: tuple[str, ...],
    runs_dir: Path,
    selection: dict[str, options.Names],
    as_json: bool,
) -> None:
    """Show which stages of RECIPE would run, why, and what they need. Nothing is run or written.

    Tokens are counted on a sample of each set, with the model's tokenizer if it is on this machine. Memory
    is estimated from the model's architecture, and minutes from the speed of earlier runs on this machine.
    All figures are estimates.
    """
    from ..preflight.inspection import inspect
    from ..preflight.report import forecast
    from ..recipe.load import load_recipe
    from ..runner.folder import RunFolder
    from ..runner.plan import make_plan
    from ..runner.select import Selection

    loaded = load_recipe(recipe, overrides)
    planned = make_plan(loaded, RunFolder(runs_dir / loaded.name), Selection(**selection))
    found = forecast(
        inspect(loaded, planned.data),
        [step.name for step in planned.running],
        planned.figures,
        planned.folder.path,
    )
    if as_json:
        shown = {"recipe": loaded.name, "folder": str(planned.folder), "stages": _stages(planned, found)}
        click.echo(json.dumps({**shown, **found.as_json()}, indent=2, ensure_ascii=False))
        return
    _print(planned, found)


def _stages(planned: Plan, found: Forecast) -> list[dict[str, Any]]:
    from ..preflight.report import estimate_as_json

    return [
        {
            "name": step.name,
            "kind": step.kind,
            "parents": list(step.parents),
            "run": step.runs,
            "reason": step.reason,
            "key": step.key,
            "estimate": estimate_as_json(found, step.name) if step.name in found.costs else None,
        }
        for step in planned.steps
    ]


def _print(planned: Plan, found: Forecast) -> None:
    from .tables import print_table

    rows: list[list[Any]] = [
        ["run" if step.runs else "skip", step.name, step.kind, _few(step.parents), step.reason]
        for step in planned.steps
    ]
    print_table({"columns": ["", "stage", "kind", "from", "why"], "rows": rows})
    costs = {name: cost for name, cost in found.costs.items() if cost.examples or cost.memory}
    if costs:
        columns = ["about", "examples", "tokens", "of them written", "steps", "GB memory", "GB disk"]
        rows = [
            [name, cost.examples, cost.tokens, cost.generated, cost.steps, _gb(cost.memory), _gb(cost.disk)]
            for name, cost in costs.items()
        ]
        if found.minutes:
            columns.append("minutes")
            rows = [[*row, _minutes(found.minutes.get(row[0]))] for row in rows]
        print_table({"columns": columns, "rows": rows})
    for line in _lines(found):
        click.echo(line)
    click.echo(f"{len(planned.running)} of {len(planned.steps)} stages would run in {planned.folder}")


def _few(names: tuple[str, ...]) -> str:
    """Names in a cell, the first of them where they are many."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"


def _lines(found: Forecast) -> list[str]:
    """What stands under the tables."""
    data = ", ".join(f"{count:,} {name}" for name, count in found.inspection.counts.items() if count)
    by = "the model's tokenizer" if found.inspection.exact else "characters, four to a token"
    lines = [f"data: {data}; tokens by {by}"]
    if (shape := found.inspection.shape) is not None:
        parameters = f"{shape.parameters / 1e6:,.0f}M parameters"
        lines.append(f"model: {parameters}, reads {shape.context:,} tokens; {_machine(found.gpu)}")
    needed, free = found.disk
    lines.append(f"disk: {needed / 1e9:.1f} GB at most, checkpoints included; {free / 1e9:.1f} GB free")
    if found.minutes:
        unknown = [name for name, cost in found.costs.items() if cost.tokens and name not in found.minutes]
        more = f"; not known of {_few(tuple(unknown))}" if unknown else ""
        lines.append(f"minutes: {sum(found.minutes.values()):.0f} by the speed of earlier runs here{more}")
    return lines + [f"note: {note}" for note in found.notes]


def _machine(gpu: bool) -> str:
    return "memory of the GPU" if gpu else "memory of the process, without a GPU"


def _minutes(number: float | None) -> str | None:
    return None if number is None else f"{number:.1f}"


def _gb(number: float | None) -> str | None:
    return f"{number / 1e9:.1f}" if number and number >= 5e7 else None
