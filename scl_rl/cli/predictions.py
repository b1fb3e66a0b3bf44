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
        line = ", ".join(f"{count} {name}" for name, count in figures.items())
        click.echo(line if target is None or taken else f"{line}: {target}", err=taken)
