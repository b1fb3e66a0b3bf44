"""``scl-rl predict``"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ..atomic import descriptor
from ..errors import Problem, UserError
from . import options

_TRAINING_SETS = ("annotated", "spans", "code_only")  # beside the stages of the run that a model is from


@click.command(
    epilog=options.examples(
        "scl-rl predict --model runs/mine/stages/scl/model --documents new.jsonl --out predictions.jsonl",
        "scl-rl predict --model M --documents D --out P --decoding constrained --codes icd-10-cm",
    )
)
@click.option(
    "--model",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model folder written by a run: runs/NAME/stages/STAGE/model.",
)
@click.option(
    "--documents", required=True, type=options.READ, help="The documents; their annotations are ignored."
)
@click.option("--out", required=True, type=options.WRITE, help="The predictions file to write.")
@click.option(
    "--batch-size", default=16, show_default=True, type=click.IntRange(1), help="Prompts per batch."
)
@click.option(
    "--max-new-tokens",
    default=256,
    show_default=True,
    type=click.IntRange(1),
    help="Maximum tokens per answer.",
)
@click.option(
    "--window",
    type=click.IntRange(16),
    help="Maximum note tokens per window (default: as the model was trained).",
)
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
    out: Path,
    batch_size: int,
    max_new_tokens: int,
    window: int | None,
    decoding: str,
    codes: str | None,
    as_json: bool,
) -> None:
    """Predict codes and their evidence for a file of documents."""
    from ..output_files import check_outputs
    from ..stages.predict.work import predict_file
    from .console import RunConsole

    check_outputs({"--out": out}, [model, documents, Path(codes) if codes else None])
    allowed = _allowed(decoding, codes, model)
    console = RunConsole(sys.stderr)
    try:
        figures = predict_file(
            model,
            documents,
            out,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            window=window,
            codes=allowed,
            reporter=console,
        )
    finally:
        console.close()
    if as_json:
        click.echo(json.dumps(figures))
    else:
        line = f"{', '.join(f'{count} {name}' for name, count in figures.items())}: {out}"
        click.echo(line, err=descriptor(out) == 1)  # what the predictions go to takes nothing else


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
