"""The auditor's page: one file that works offline, with notes, predictions and the tables of codes."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import writing
from ..corpus.jsonl import read_documents, read_predictions
from ..corpus.types import Document, Prediction
from ..errors import Problem, UserError
from ..icd.advice import code_table, excludes1
from ..pages import Asset, data_block, render_page
from ..scoring.dictionary import SpanDictionary
from .notes import fingerprint, predicted_notes, review_note, system_of
from .pairs import Asking
from .record import FORMAT, Stratum
from .sample import Stratify, draw, widest

_SCRIPTS = (
    *(Asset("scl_rl.pages", name) for name in ("offsets.js", "dom.js")),
    *(
        Asset(__package__, f"static/{name}.js")
        for name in (
            *(
                "data",
                "state",
                "decide",
                "note",
                "select",
                "cards",
                "list",
                "search",
                "summary",
                "export",
                "files",
                "main",
            ),
        )
    ),
)
_STYLES = (Asset("scl_rl.pages", "base.css"), Asset(__package__, "static/review.css"))
KEYS = (
    ("a", "accept the code and its open words"),
    ("x", "wrong code"),
    ("w", "right code, wrong words; then choose the right ones"),
    ("c", "change the code: right words, wrong code"),
    ("m", "choose words for this code"),
    ("n", "choose words for a code that is missing"),
    ("g", "take gold's words"),
    ("1 … 9", "these words: right, wrong, open"),
    ("q", "do the first words alone imply the code?"),
    ("t", "comment on the code"),
    ("o", "show where else the words stand"),
    ("j k", "next, previous code (also ↓ ↑)"),
    ("l h", "next, previous note"),
    (".", "next open code, in any note"),
    ("d", "note done; on to the next"),
    ("z y", "undo, redo (also Ctrl+Z, Ctrl+Y)"),
    ("/", "find words in the note"),
    ("s", "summary"),
    ("Ctrl+S", "save the review file"),
    ("?", "this help"),
    ("while choosing", "arrow keys move, Shift extends, F adds another part, Enter takes, Escape leaves"),
)


@dataclass(frozen=True)
class PageOptions:
    """What the page shows.

    Attributes:
        blind: nothing of the documents' own annotations.
        wordings: what words were marked with in training, for "does the quote alone imply the code".
        sample: how many notes, drawn at random; None = all.
        stratify: draw from strata; see :func:`~.sample.draw`.
        model: the model folder whose prompt, answer format and windows exported pairs have; None = the
            defaults.
    """

    blind: bool = False
    wordings: SpanDictionary | None = None
    sample: int | None = None
    stratify: Stratify | None = None
    seed: int = 0
    model: Path | None = None


def write_review_page(
    predictions: Path, documents: Path, out: Path, options: PageOptions | None = None
) -> dict[str, Any]:
    """Write the page for two JSONL files.

    Returns:
        ``{"notes", "of", "codes"}``: notes on the page, notes predicted, codes to decide on; and for a sample
        ``"half_width"``, half the width of the 95% interval at its worst, in [0, 1].

    Raises:
        UserError: a file can't be read or written, or the two don't go together.
    """
    gold = read_documents(documents)
    predicted = read_predictions(predictions, gold, documents)
    if not predicted:
        raise UserError(Problem(str(predictions), "has no predictions", "there is nothing to review"))
    html, figures = review_page(gold, predicted, predictions.stem, options or PageOptions())
    with writing(out) as stream:
        stream.write(html)
    return figures


def review_page(
    documents: Sequence[Document], predictions: Sequence[Prediction], name: str, options: PageOptions
) -> tuple[str, dict[str, Any]]:
    """The page as HTML, and the figures of :func:`write_review_page`.

    Notes without prediction are left out.
    """
    predicted, answers = predicted_notes(documents, predictions)
    asking = Asking(options.model)
    every = [
        review_note(document, prediction, blind=options.blind, wordings=options.wordings)
        | {"windows": asking.windows_for_page(document, prediction)}
        for document, prediction in zip(predicted, answers, strict=True)
    ]
    system, others = system_of(predicted)
    notes, strata = every, None
    if options.sample is not None and options.sample < len(every):
        notes, strata = draw(every, options.sample, options.stratify, options.seed)
    labelled = not options.blind and any(document.annotations is not None for document in predicted)
    html = render_page(
        Asset(__package__, "static/review.html"),
        {
            "name": name,
            "keys": KEYS,
            "labelled": labelled,
            "sampled": _said(strata, len(every)) if strata else "",
            "table": _packed_table(),
            "data": data_block(
                "data",
                {
                    "format": FORMAT,
                    "fingerprint": fingerprint(predicted, answers),
                    "name": name,
                    "sample": [stratum.model_dump() for stratum in strata] if strata else None,
                    "system": system,
                    "systems": others,
                    "titles": _titles(notes),
                    "excludes1": excludes1(),
                    "asking": asking.for_page(predicted),
                    "notes": notes,
                },
            ),
        },
        styles=_STYLES,
        scripts=_SCRIPTS,
    )
    figures = {"notes": len(notes), "of": len(every), "codes": sum(len(note["codes"]) for note in notes)}
    return html, {**figures, **({"half_width": widest(strata)} if strata else {})}


def _said(strata: Sequence[Stratum], total: int) -> str:
    drawn = sum(len(stratum.drawn) for stratum in strata)
    parts = ", ".join(f"{s.name}: {len(s.drawn)} of {s.size}" for s in strata) if len(strata) > 1 else ""
    return (
        f"These are {drawn} of {total} notes, drawn at random{f' ({parts})' if parts else ''}. Once all are "
        f"done, the share of right codes in all notes is known to ±{100 * widest(strata):.1f} points or "
        "better (95%)."
    )


def _titles(notes: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Code → title and flags, for the codes of the notes; the page takes the others from the packed table."""
    wanted = {code["code"] for note in notes for code in note["codes"]}
    return {row.code: (row.title, row.flags) for row in code_table() if row.code in wanted}


def _packed_table() -> str:
    """All codes, one a line, gzipped, in base64: 0.9 MB instead of 8."""
    lines = "\n".join("\t".join(row) for row in code_table())
    return base64.b64encode(gzip.compress(lines.encode("utf-8"), mtime=0)).decode()
