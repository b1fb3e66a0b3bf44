"""``scl-rl run``"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError, escaped
from . import options

if TYPE_CHECKING:
    from ..runner.folder import RunFolder


@click.command(
    epilog=options.examples(
        "scl-rl run quickstart", "scl-rl run mine.yaml --set scl.trainer.learning_rate=1e-4 --until scl"
    )
)
@click.argument("recipe")
@options.overrides
@options.runs
@options.selection
@click.option(
    "--report/--no-report",
    "with_report",
    default=True,
    show_default=True,
    help="Write report.html when all is done.",
)
@click.option("--reuse", is_flag=True, help="Overwrite finished stages of another recipe of the same name.")
@options.as_json
@click.pass_context
def run(
    ctx: click.Context,
    recipe: str,
    overrides: tuple[str, ...],
    runs_dir: Path,
    selection: dict[str, options.Names],
    with_report: bool,
    reuse: bool,
    as_json: bool,
) -> None:
    """Run RECIPE, a YAML file or the name of a shipped recipe.

    Stages whose settings, data, parents, rewards and library versions have not changed are skipped. An
    interrupted run resumes where it stopped.
    """
    from ..recipe.load import load_recipe
    from ..runner.run import RunOptions, run_recipe
    from ..runner.select import Selection
    from ..stages.shared.interrupt import STOP, TERMINATIONS
    from .console import RunConsole
    from .tables import print_table

    loaded = load_recipe(recipe, overrides)
    console = RunConsole(sys.stderr if as_json else sys.stdout)
    how = RunOptions(Selection(**selection), reuse, console)
    terminated: list[int] = []

    def terminate(number: int, frame: Any) -> None:
        terminated.append(number)
        STOP.asked = True  # for a library may make another exception of the interrupt
        raise KeyboardInterrupt

    heard = [number for number in TERMINATIONS if signal.getsignal(number) != signal.SIG_IGN]  # as nohup does
    before = {number: signal.signal(number, terminate) for number in heard}
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what libraries print is not our output
            folder = run_recipe(loaded, runs_dir, how)
    except KeyboardInterrupt:
        console.close()
        with contextlib.suppress(OSError):  # the terminal may be gone
            click.echo("\ninterrupted; run the same command again to resume", err=True)
        ctx.exit(128 + (terminated[0] if terminated else signal.SIGINT))
    finally:
        console.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    page = _report(folder) if with_report else None
    summary = json.loads(folder.summary.read_text(encoding="utf-8"))
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    comparison = summary["comparison"] or {}
    if "table" in comparison:
        print_table(comparison["table"], comparison.get("notes", ()))
    click.echo(f"done: {folder.summary}")
    if page is not None:
        click.echo(f"report: {page}")


def _report(folder: RunFolder) -> Path | None:
    """Write the report. The run is done whatever becomes of it."""
    try:
        from ..report.write import write_report

        with contextlib.redirect_stdout(sys.stderr):
            return write_report(folder)
    except (UserError, OSError, ValueError, KeyError) as error:
        click.echo(f"no report: {escaped(str(error))} (try scl-rl report {folder})", err=True)
        return None
