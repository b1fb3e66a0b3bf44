"""``scl-rl compare``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command()
@click.argument("predictions", nargs=-1, required=True, type=options.READ)
@click.option("--documents", required=True, type=options.READ, help="The documents, with gold codes.")
@click.option(
    "--against",
    type=options.READ,
    help="What to compare the others with; the first if absent.",
)
@click.option(
    "--training",
    multiple=True,
    type=options.READ,
    help="Documents or spans trained on, for figures by how often a code was seen; may be repeated.",
)
@click.option("--resamples", default=2000, show_default=True, type=click.IntRange(100), help="Random draws.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the draws.")
@options.as_json
def compare(
    predictions: tuple[Path, ...],
    documents: Path,
    against: Path | None,
    training: tuple[Path, ...],
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Set several PREDICTIONS files for the same documents side by side, and say how surely they differ."""
    from ..metrics.comparison_files import compare_files
    from .tables import print_breakdowns, print_table

    figures = compare_files(predictions, documents, against, training, resamples, seed)
    if as_json:
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    print_table(figures["table"], figures["notes"])
    print_breakdowns(figures["breakdowns"])
