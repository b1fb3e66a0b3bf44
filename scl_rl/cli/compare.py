"""``scl-rl compare``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command()
@click.argument("predictions", nargs=-1, required=True, type=options.READ)
@click.option("--documents", required=True, type=options.READ, help="The documents, with gold codes.")
@options.as_json
def compare(predictions: tuple[Path, ...], documents: Path, as_json: bool) -> None:
    """Set several PREDICTIONS files for the same documents side by side."""
    from ..metrics.compare import comparison
    from ..metrics.report import evaluate_files
    from .tables import print_table

    figures = comparison(
        [{"name": str(path), "figures": evaluate_files(path, documents)} for path in predictions]
    )
    if as_json:
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    print_table(figures["table"], figures["notes"])
