"""``scl-rl report``"""

from __future__ import annotations

from pathlib import Path

import click

from . import options


@click.command(epilog=options.examples("scl-rl report runs/quickstart", "scl-rl report runs/mine --notes 40"))
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--notes",
    default=12,
    show_default=True,
    type=click.IntRange(0),
    help="Number of notes to show in full, first those on which the models differ most.",
)
def report(run: Path, notes: int) -> None:
    """Write the report of RUN, the folder of a finished run: report.html, report.md and figures/.

    A run writes its report when it ends. The page needs no network. It shows notes, which are private.
    """
    from ..report.write import write_report
    from ..runner.folder import RunFolder

    click.echo(f"report: {write_report(RunFolder(run), notes)}")
