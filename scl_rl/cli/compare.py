"""``scl-rl compare``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command(
    epilog=options.examples(
        "scl-rl compare sft/predictions.jsonl grpo/predictions.jsonl --documents test.jsonl",
        "scl-rl compare *.jsonl --documents test.jsonl --against sft.jsonl --training train.jsonl --json",
    )
)
@click.argument("predictions", nargs=-1, required=True, type=options.READ)
@click.option("--documents", required=True, type=options.READ, help="The documents, with gold codes.")
@click.option(
    "--against",
    type=options.READ,
    help="The predictions to compare the others with (default: the first).",
)
@click.option(
    "--training",
    multiple=True,
    type=options.READ,
    help="Documents or spans used in training, to break results down by training count; may be repeated.",
)
@click.option(
    "--resamples",
    default=2000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="Number of random draws.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Random seed for the draws."
)
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
    """Compare PREDICTIONS files for the same documents, with confidence intervals and tests."""
    from ..metrics.comparison_files import compare_files
    from .tables import print_breakdowns, print_table

    figures = compare_files(predictions, documents, against, training, resamples, seed)
    if as_json:
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    print_table(figures["table"], figures["notes"])
    print_breakdowns(figures["breakdowns"])
