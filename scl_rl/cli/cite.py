"""``scl-rl cite``"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, UserError
from . import options

if TYPE_CHECKING:
    from ..corpus.types import Document
    from ..exchange.write import Format


@click.command(
    epilog=options.examples(
        "scl-rl cite --model runs/mine/stages/scl/model --documents coded.jsonl --out evidence.jsonl",
        "scl-rl cite --model M --documents note.txt --codes I10,R07.9 --explain",
    )
)
@options.model
@options.notes
@click.option(
    "--codes", metavar="CODE,CODE", help="The codes of every note (default: those of its annotations)."
)
@options.predictions_out
@options.form
@options.explain
@options.generation
@options.as_json
def cite(
    model: Path,
    documents: Path,
    codes: str | None,
    out: Path | None,
    form: Format,
    explain: bool,
    batch_size: int,
    max_new_tokens: int,
    window: int | None,
    overlap: int,
    votes: int,
    as_json: bool,
) -> None:
    """Find the words that justify codes which are known already.

    Every quote is taken from the note, and every code is one of its own. A code for which the model finds
    nothing is written without evidence.
    """
    from ..exchange.notes import read_notes
    from ..output_files import check_outputs
    from ..stages.predict.work import Predictor
    from .console import RunConsole
    from .predictions import write_result

    check_outputs({"--out": out}, [model, options.on_disk(documents)])
    notes = _coded(read_notes(documents), codes)
    console = RunConsole(sys.stderr)
    try:
        predictor = Predictor(
            model,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            window=window,
            overlap=overlap,
            votes=votes,
            reporter=console,
            label="cite",
        )
        predictions, figures = predictor.cite(notes)
    finally:
        console.close()
    write_result(notes, predictions, figures, model, out, form, explain, as_json)


def _coded(notes: Iterable[Document], codes: str | None) -> list[Document]:
    """The notes with the codes that are to be cited, as code-only documents."""
    from pydantic import ValidationError

    from ..corpus.types import Annotation

    if codes is None:
        coded = list(notes)
        bare = [note.id for note in coded if not note.annotations]
        if bare:
            what = f"{len(bare)} notes have no codes, the first is '{bare[0]}'"
            raise UserError(Problem("--documents", what, "name them with --codes"))
        return coded
    try:
        known = [Annotation(code=code.strip(), mentions=None) for code in codes.split(",")]
    except ValidationError:
        raise UserError(Problem("--codes", f"'{codes}' is not a list of codes", "like I10,R07.9")) from None
    return [note.model_copy(update={"annotations": known}) for note in notes]
