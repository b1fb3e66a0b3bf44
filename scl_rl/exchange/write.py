"""Writing predictions in one of the forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from ..atomic import writing
from ..corpus.jsonl import write_jsonl
from ..corpus.types import Document, Prediction
from .fhir import bundle
from .made import Made
from .table import table
from .w3c import collection

Format = Literal["jsonl", "csv", "fhir", "w3c"]
FORMATS: tuple[Format, ...] = get_args(Format)


def write_predictions(
    path: Path, form: Format, documents: Sequence[Document], predictions: Sequence[Prediction], made: Made
) -> None:
    """Write the predictions of some documents, in their order.

    Raises:
        UserError: the file can't be written.
    """
    if form == "jsonl":
        write_jsonl(path, predictions)
        return
    with writing(path) as stream:
        if form == "csv":
            stream.write(table(documents, predictions, made))
        else:
            value = (bundle if form == "fhir" else collection)(documents, predictions, made)
            stream.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
