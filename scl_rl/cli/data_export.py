"""``scl-rl data export``"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ..errors import Problem, UserError
from . import options


@click.command(
    epilog=options.examples(
        "scl-rl data export codiesp train.jsonl --out train",
        "scl-rl data export codiesp dev.jsonl --predictions predictions.jsonl --out predictions.tsv",
        "scl-rl data export mdace test.jsonl --predictions predictions.jsonl --out predictions",
    )
)
@click.argument("form", metavar="codiesp|mdace", type=click.Choice(["codiesp", "mdace"]))
@click.argument("documents", type=options.READ)
@click.option("--predictions", type=options.READ, help="Write these predictions instead of the annotations.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to write; for predictions in CodiEsp's form, the file.",
)
def export(form: str, documents: Path, predictions: Path | None, out: Path) -> None:
    """Write DOCUMENTS, or predictions for them, as CodiEsp or MDACE does.

    The authors' own scorers read these: codiespX_evaluation.py, and evaluate-predictions.py of MDACE.
    """
    from ..corpus.jsonl import read_documents, read_predictions
    from ..exchange.codiesp import systems_of, write_codiesp, write_codiesp_predictions
    from ..exchange.mdace import write_mdace
    from ..output_files import check_outputs

    notes = read_documents(documents)
    read = None if predictions is None else read_predictions(predictions, notes, documents)
    if form == "codiesp" and read is not None:
        check_outputs({"--out": out}, [documents, predictions])
        uncited = write_codiesp_predictions(out, read, systems_of(notes))
    else:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(Problem("--out", f"{out} is there already", "name a new folder"))
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            uncited = write_codiesp(out, notes) if form == "codiesp" else write_mdace(out, notes, read)
        except UserError as error:
            lines = [n for n, line in enumerate(documents.open("rb"), 1) if line.strip()]
            places = [
                str(documents) if not p.at else f"{documents}:{lines[int(p.at[0])]}" for p in error.problems
            ]
            raise UserError(
                *(replace(p, where=p.where or place) for p, place in zip(error.problems, places, strict=True))
            ) from None
    click.echo(f"{out}: {len(notes):,} documents")
    if uncited:
        click.echo(f"left out: {uncited:,} codes without evidence in their note")
