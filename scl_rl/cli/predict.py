"""``scl-rl predict``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        "scl-rl predict --model M --documents D --out P --calibrate dev.jsonl --reliability curve.svg",
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
@click.option(
    "--confidence", is_flag=True, help="Give each code the probability that the model gives its line."
)
@click.option(
    "--calibrate",
    type=options.READ,
    help="Documents with gold evidence, to turn confidences into the probability that a code is cited. They "
    "must not be documents that the model was trained on.",
)
@click.option(
    "--reliability", type=options.WRITE, help="With --calibrate: a diagram of the confidences, .svg or .png."
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
    overlap: int,
    votes: int,
    decoding: str,
    codes: str | None,
    confidence: bool,
    calibrate: Path | None,
    reliability: Path | None,
    as_json: bool,
) -> None:
    """Predict codes and their evidence for notes: JSONL, a text file, a folder of them, or standard input."""
    from ..corpus.jsonl import read_documents
    from ..exchange.notes import read_notes
    from ..output_files import check_outputs
    from ..stages.predict.work import Predictor
    from .console import RunConsole
    from .predictions import write_result

    _check_reliability(calibrate, reliability)
    read = [model, options.on_disk(documents), Path(codes) if codes else None, calibrate]
    check_outputs({"--out": out, "--reliability": reliability}, read)
    allowed = _allowed(decoding, codes, model)
    notes = read_notes(documents)
    gold = read_documents(calibrate, labelled=True) if calibrate else None
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
        )
        with predictor.kept(out, notes, allowed) as journal:
            predictions, figures = predictor.predict(notes, allowed, confidence or gold is not None, journal)
            if gold is not None:
                calibration, figures["reliability"] = predictor.calibrate(gold, allowed)
                predictions = [calibration.apply(prediction) for prediction in predictions]
            console.close()
            write_result(notes, predictions, figures, model, out, form, explain, as_json)
    finally:
        console.close()
    if reliability is not None:
        _draw(figures["reliability"], reliability)


def _check_reliability(calibrate: Path | None, reliability: Path | None) -> None:
    if reliability is None:
        return
    if calibrate is None:
        raise UserError(Problem("--reliability", "needs --calibrate"))
    if reliability.suffix not in (".svg", ".png"):
        raise UserError(Problem("--reliability", f"'{reliability}' ends in neither .svg nor .png"))


def _draw(found: dict[str, Any], path: Path) -> None:
    from ..report.plots import reliability_plot

    plot = reliability_plot(found)
    if plot is None:
        raise UserError(Problem("--reliability", "needs matplotlib", "pip install matplotlib"))
    path.write_bytes(plot.light if path.suffix == ".svg" else plot.png)


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
