"""What becomes of predictions that a command made."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..atomic import descriptor

if TYPE_CHECKING:
    from ..corpus.types import Document, Prediction
    from ..exchange.write import Format

STDOUT = Path("/dev/stdout")


def write_result(
    documents: Sequence[Document],
    predictions: Sequence[Prediction],
    figures: Mapping[str, Any],
    model: Path,
    out: Path | None,
    form: Format,
    explain: bool,
    as_json: bool,
) -> None:
    """Write predictions, show them if asked for, and say how many there are.

    Without ``out`` they go to standard output, unless they are shown there. What the predictions go to takes
    nothing else: the counts then go to standard error.
    """
    from ..exchange.made import Made
    from ..exchange.write import write_predictions
    from .explain import explain as show

    target = out or (None if explain else STDOUT)
    if explain:
        show(sys.stdout, documents, predictions)
    if target is not None:
        write_predictions(target, form, documents, predictions, Made(str(model)))
    taken = target is not None and descriptor(target) == 1
    if as_json:
        click.echo(json.dumps(figures), err=taken)
    else:
        counts = {name: count for name, count in figures.items() if isinstance(count, int)}
        line = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        if "reliability" in figures:
            _print_reliability(figures["reliability"])
        click.echo(line if target is None or taken else f"{line}: {target}", err=taken)


def _print_reliability(found: Mapping[str, Any]) -> None:
    """How far calibrated confidences can be trusted, on standard error."""
    before, after = found["before"], found["after"]
    for one in after["bins"]:
        bar = "█" * round(20 * one["cited"])
        sure = f"confidence {one['low']:.1f}-{one['high']:.1f}"
        click.echo(f"{sure}: {one['codes']:4} codes, {one['cited']:4.0%} cited {bar}", err=True)
    errors = f"{before['ece']:.3f} before, {after['ece']:.3f} after calibration"
    click.echo(f"calibration error {errors}, on {after['codes']} codes", err=True)
