"""``scl-rl evaluate``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command(
    epilog=options.examples("scl-rl evaluate --predictions predictions.jsonl --documents gold.jsonl --json")
)
@click.option("--predictions", required=True, type=options.READ, help="A predictions file.")
@click.option("--documents", required=True, type=options.READ, help="The documents, with gold codes.")
@options.as_json
def evaluate(predictions: Path, documents: Path, as_json: bool) -> None:
    """Score predictions: the codes, and the codes that are properly cited."""
    from ..metrics.report import evaluate_files
    from .tables import cell_text, print_table, score_rows

    report = evaluate_files(predictions, documents)
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    notes = [
        f"{name.replace('_', ' ')}: {cell_text(value)}"
        for name, value in {**report, "grounded": report["evidence"]["grounded"]}.items()
        if not isinstance(value, dict)
    ]
    print_table({"columns": ["score", "precision", "recall", "f1"], "rows": score_rows(report)}, notes)
