"""``scl-rl predict``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command()
@click.option(
    "--model",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model folder that a run wrote: runs/NAME/stages/STAGE/model.",
)
@click.option(
    "--documents", required=True, type=options.READ, help="The documents; annotations are not read."
)
@click.option("--out", required=True, type=options.WRITE, help="The predictions file to write.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(1), help="Prompts at once.")
@click.option("--max-new-tokens", default=256, show_default=True, type=click.IntRange(1), help="Per answer.")
@click.option(
    "--window", type=click.IntRange(16), help="Most note tokens in a window; the model's own if absent."
)
@options.as_json
def predict(
    model: Path,
    documents: Path,
    out: Path,
    batch_size: int,
    max_new_tokens: int,
    window: int | None,
    as_json: bool,
) -> None:
    """Predict codes with their evidence for a file of documents."""
    from ..stages.predict import predict_file

    figures = predict_file(
        model,
        documents,
        out,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        window=window,
        say=lambda line: click.echo(line, err=True),
    )
    if as_json:
        click.echo(json.dumps(figures))
    else:
        click.echo(f"{', '.join(f'{count} {name}' for name, count in figures.items())}: {out}")
