"""``scl-rl data``"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options


@click.group()
def data() -> None:
    """Import or make documents and spans."""


@data.group("import")
def import_() -> None:
    """Turn a published corpus into scl-rl's files."""


@import_.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=options.WRITE, help="The documents file to write.")
@click.option(
    "--kinds", type=click.Choice(["diagnoses", "procedures", "both"]), default="diagnoses", show_default=True
)
@click.option("--spans", type=options.WRITE, help="A spans file to write as well.")
def codiesp(directory: Path, out: Path, kinds: Any, spans: Path | None) -> None:
    """Import one split of CodiEsp: DIRECTORY has text_files/ and a *X.tsv."""
    from ..corpus.jsonl import write_jsonl
    from ..corpus.readers.codiesp import read_codiesp
    from ..corpus.spans import spans_of

    read = read_codiesp(directory, kinds=kinds)
    write_jsonl(out, read.documents)
    annotations = [annotation for document in read.documents for annotation in document.annotations or ()]
    mentions = sum(len(annotation.mentions or ()) for annotation in annotations)
    parts = [f"{len(read.documents):,} documents", f"{len(annotations):,} codes", f"{mentions:,} mentions"]
    if spans is not None:
        taken = spans_of(read.documents, "codiesp")
        write_jsonl(spans, taken)
        parts.append(f"{len(taken):,} spans")
    click.echo(f"{', '.join(parts)}; {len(read.problems):,} references differ from the text")


@data.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder.")
@click.option("--codes", type=int, help="How many codes.")
@click.option("--documents", type=int, help="Documents with evidence.")
@click.option("--spans", type=int, help="Spans.")
@click.option("--code-only", type=int, help="Documents with codes and no evidence.")
@click.option("--dev", type=int, help="Documents to choose checkpoints on.")
@click.option("--test", type=int, help="Documents to report on.")
@click.option("--seed", type=int, help="Another seed makes another corpus.")
def make(out: Path, **numbers: int | None) -> None:
    """Make a synthetic corpus: annotated, spans, code_only, dev and test as JSONL."""
    from ..corpus.sources import SyntheticSource, prepare
    from ..errors import UserError
    from ..recipe.explain import validate
    from ..recipe.tree import Tree

    given = {name: number for name, number in numbers.items() if number is not None}
    tree = Tree("data make")
    tree.places |= {(name,): f"--{name.replace('_', '-')}" for name in given}
    settings = validate(SyntheticSource, given, (), tree)
    if settings is None:
        raise UserError(*tree.problems)
    counts = prepare(settings, out)
    click.echo(f"{out}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
