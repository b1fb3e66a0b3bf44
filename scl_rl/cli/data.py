"""``scl-rl data``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .data_spans import spans
from .data_survey import check, stats

if TYPE_CHECKING:
    from ..corpus.types import Document


@click.group()
def data() -> None:
    """Import, check, describe or generate documents and spans."""


data.add_command(check)
data.add_command(stats)
data.add_command(spans)


@data.group("import")
def import_() -> None:
    """Convert a published corpus to scl-rl's file formats."""


@import_.command(epilog=options.examples("scl-rl data import codiesp codiesp/train --out train.jsonl"))
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=options.WRITE, help="The documents file to write.")
@click.option(
    "--kinds",
    type=click.Choice(["diagnoses", "procedures", "both"]),
    default="diagnoses",
    show_default=True,
    help="Which codes to import.",
)
@click.option("--spans", type=options.WRITE, help="Also write a spans file.")
def codiesp(directory: Path, out: Path, kinds: Any, spans: Path | None) -> None:
    """Import one split of CodiEsp. DIRECTORY contains text_files/ and a *X.tsv."""
    from ..corpus.readers.codiesp import read_codiesp
    from ..output_files import check_outputs

    check_outputs({"--out": out, "--spans": spans}, [*directory.glob("*.tsv"), directory / "text_files"])
    read = read_codiesp(directory, kinds=kinds)
    counts = _written(read.documents, "codiesp", out, spans)
    click.echo(f"{counts}; {len(read.problems):,} references differ from the text")


@import_.command(
    epilog=options.examples(
        "scl-rl data import mdace MDACE --noteevents NOTEEVENTS.csv --split train.csv --out train.jsonl"
    )
)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--noteevents", required=True, type=options.READ, help="MIMIC-III's NOTEEVENTS.csv.")
@click.option(
    "--split", type=options.READ, help="A file with one admission per line (default: all admissions)."
)
@click.option("--category", help='Only notes of this category, such as "Discharge summary".')
@click.option("--out", required=True, type=options.WRITE, help="The documents file to write.")
@click.option("--spans", type=options.WRITE, help="Also write a spans file.")
def mdace(
    directory: Path, noteevents: Path, split: Path | None, category: str | None, out: Path, spans: Path | None
) -> None:
    """Import MDACE. DIRECTORY contains its ICD-10 annotations; the notes come from NOTEEVENTS.csv."""
    from ..corpus.readers.mdace import read_mdace
    from ..output_files import check_outputs

    check_outputs({"--out": out, "--spans": spans}, [*directory.rglob("*.json"), noteevents, split])
    read = read_mdace(directory, noteevents, split, category)
    counts = _written(read.documents, "mdace", out, spans)
    odd = [f"{number:,} {what}" for what, number in sorted(read.odd.items())]
    click.echo(f"{counts}; annotations {'; '.join(odd)}" if odd else counts)


def _written(documents: list[Document], source: str, out: Path, spans: Path | None) -> str:
    """Write the files of an import; what is in them, in words."""
    from ..corpus.jsonl import write_jsonl
    from ..corpus.spans import spans_of

    write_jsonl(out, documents)
    annotations = [annotation for document in documents for annotation in document.annotations or ()]
    mentions = sum(len(annotation.mentions or ()) for annotation in annotations)
    parts = [f"{len(documents):,} documents", f"{len(annotations):,} codes", f"{mentions:,} mentions"]
    if spans is not None:
        taken = spans_of(documents, source)
        write_jsonl(spans, taken)
        parts.append(f"{len(taken):,} spans")
    return ", ".join(parts)


@data.command(epilog=options.examples("scl-rl data make --out corpus --documents 100 --test 50"))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder to write."
)
@click.option("--codes", type=int, help="Number of codes.")
@click.option("--documents", type=int, help="Number of documents with evidence.")
@click.option("--spans", type=int, help="Number of spans.")
@click.option("--code-only", type=int, help="Number of documents with codes but no evidence.")
@click.option("--dev", type=int, help="Number of documents for selecting checkpoints.")
@click.option("--test", type=int, help="Number of documents for the final evaluation.")
@click.option("--seed", type=int, help="Random seed of the corpus.")
@click.option("--overwrite", is_flag=True, help="Replace a corpus that is there.")
def make(out: Path, overwrite: bool, **numbers: int | None) -> None:
    """Generate a synthetic corpus: annotated, spans, code_only, dev and test as JSONL."""
    from ..corpus.sources import SETS
    from ..corpus.sources.synthetic import SyntheticSource
    from ..errors import UserError
    from ..output_files import new_corpus
    from ..recipe.explain import validate
    from ..recipe.tree import Tree

    given = {name: number for name, number in numbers.items() if number is not None}
    tree = Tree("data make")
    tree.places |= {(name,): f"--{name.replace('_', '-')}" for name in given}
    settings = validate(SyntheticSource, given, (), tree)
    if settings is None:
        raise UserError(*tree.problems)
    try:
        with new_corpus(out, [f"{name}.jsonl" for name in SETS], overwrite) as folder:
            counts = settings.prepare(folder)
    except UserError as error:
        raise UserError(
            *(p if p.where else tree.problem(p.at, p.what, p.hint) for p in error.problems)
        ) from None
    click.echo(f"{out}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
