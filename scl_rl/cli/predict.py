"""``scl-rl predict``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, UserError
from . import options

if TYPE_CHECKING:
    from ..exchange.write import Format

_TRAINING_SETS = ("annotated", "spans", "code_only")  # beside the stages of the run that a model is from


@click.command(
    epilog=options.examples(
        "scl-rl predict --model runs/mine/stages/scl/model --documents new.jsonl --out predictions.jsonl",
        "scl-rl predict --model M --documents note.txt --explain",
        "scl-rl predict --model M --documents notes/ --format fhir --out bundle.json",
        "scl-rl predict --model M --documents D --out P --decoding constrained --codes icd-10-cm",
    )
)
@options.model
@options.notes
@options.predictions_out
@options.form
@options.explain
@options.generation
@click.option(
    "--decoding",
    type=click.Choice(["free", "constrained"]),
    default="free",
    show_default=True,
    help="With constrained, every quote is taken from the note and every code from --codes.",
)
@click.option(
    "--codes",
    metavar="[icd-10-cm|training|FILE]",
    help="Codes that constrained decoding may assign: all billable codes, those of the run's training sets, "
    "or a file with one per line.",
)
@options.as_json
def predict(
    model: Path,
    documents: Path,
    out: Path | None,
    form: Format,
    explain: bool,
    batch_size: int,
    max_new_tokens: int,
    window: int | None,
    decoding: str,
    codes: str | None,
    as_json: bool,
) -> None:
    """Predict codes and their evidence for notes: JSONL, a text file, a folder of them, or standard input."""
    from ..exchange.notes import read_notes
    from ..output_files import check_outputs
    from ..stages.predict.work import Predictor
    from .console import RunConsole
    from .predictions import write_result

    check_outputs({"--out": out}, [model, options.on_disk(documents), Path(codes) if codes else None])
    allowed = _allowed(decoding, codes, model)
    notes = read_notes(documents)
    console = RunConsole(sys.stderr)
    try:
        predictor = Predictor(
            model,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            window=window,
            reporter=console,
        )
        predictions, figures = predictor.predict(notes, allowed)
    finally:
        console.close()
    write_result(notes, predictions, figures, model, out, form, explain, as_json)


def _allowed(decoding: str, codes: str | None, model: Path) -> list[str] | None:
    """The codes that answers are held to, None where they are free."""
    from ..stages.contract import DataFiles
    from ..stages.predict.settings import ICD_10_CM, TRAINING
    from ..stages.predict.work import allowed_codes

    if decoding == "free":
        if codes:
            raise UserError(Problem("--codes", "free decoding does not use them", "--decoding constrained"))
        return None
    if not codes:
        what = "--decoding constrained needs to know which codes may be assigned"
        raise UserError(Problem("--codes", what, f"{ICD_10_CM}, {TRAINING}, or a file with one code a line"))
    sets = {name: model.resolve().parents[1] / "data" / f"{name}.jsonl" for name in _TRAINING_SETS}
    data = DataFiles(**{name: path for name, path in sets.items() if path.exists()})
    return allowed_codes(codes, Path.cwd(), data)
