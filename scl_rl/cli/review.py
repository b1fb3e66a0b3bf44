"""``scl-rl review``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from . import options


@click.command(
    epilog=options.examples(
        "scl-rl review predictions.jsonl --documents notes.jsonl --out review.html",
        "scl-rl review predictions.jsonl --documents notes.jsonl --out page.html --sample 50",
    )
)
@click.argument("predictions", type=options.READ)
@click.option("--documents", required=True, type=options.READ, help="The documents that were predicted.")
@click.option("--out", required=True, type=options.WRITE, help="The page to write.")
@click.option(
    "--training",
    multiple=True,
    type=options.READ,
    help="Documents or spans used in training, to show what quoted words were marked with; may be repeated.",
)
@click.option("--blind", is_flag=True, help="Show nothing of the documents' own annotations.")
@click.option("--sample", type=click.IntRange(2), help="Number of notes to review, drawn at random.")
@click.option(
    "--stratify",
    type=click.Choice(["length", "codes", "located"]),
    help="Draw the sample from strata: by length of the note, number of predicted codes, or whether all "
    "quotes are in the note.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Random seed for the sample."
)
@options.as_json
def review(
    predictions: Path,
    documents: Path,
    out: Path,
    training: tuple[Path, ...],
    blind: bool,
    sample: int | None,
    stratify: Any,
    seed: int,
    as_json: bool,
) -> None:
    """Write a page on which an auditor reviews PREDICTIONS, offline and by keyboard."""
    from ..output_files import check_outputs
    from ..review.page import PageOptions, write_review_page
    from ..scoring.dictionary import dictionary_of_files

    check_outputs({"--out": out}, [predictions, documents, *training])
    wordings = dictionary_of_files(training) if training else None
    figures = write_review_page(
        predictions, documents, out, PageOptions(blind, wordings, sample, stratify, seed)
    )
    if as_json:
        click.echo(json.dumps(figures))
        return
    notes = f"{figures['notes']} of {figures['of']} notes"
    click.echo(f"{notes}, {figures['codes']} codes to decide on: {out}")
    if "half_width" in figures:
        width = 100 * figures["half_width"]
        click.echo(f"all done, they give the share of right codes to ±{width:.1f} points or better (95%)")
