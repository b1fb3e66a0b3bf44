"""Predictions as CSV, one row per mention, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from ..corpus.types import Document, PredictedMention, Prediction
from .made import Made, confidence_of, title_of

COLUMNS = ("id", "code", "system", "title", "confidence", "quote", "fragments")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins like this


def table(documents: Sequence[Document], predictions: Iterable[Prediction], made: Made) -> str:
    """The table with its heading.

    ``quote`` has the words of the note, or what the model quoted where that is not in the note; then
    ``fragments`` is empty, else it is like ``120-132;140-150``. A code for which the model quotes nothing has
    one row, without either. Text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for document, prediction in zip(documents, predictions, strict=True):
        for code in prediction.codes:
            confidence = confidence_of(code)
            sure = "" if confidence is None else f"{confidence:.4f}"
            begin = [document.id, code.code, made.system, title_of(code.code), sure]
            rows = [_quoted(document, mention) for mention in code.mentions] or [("", "")]
            for words, places in rows:
                writer.writerow([*map(_harmless, [*begin, words]), places])
    return stream.getvalue()


def _quoted(document: Document, mention: PredictedMention) -> tuple[str, str]:
    if not mention.fragments:
        return " … ".join(mention.quotes), ""
    words = " … ".join(document.text[start:end] for start, end in mention.fragments)
    return words, ";".join(f"{start}-{end}" for start, end in mention.fragments)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
