"""``scl-rl data``"""

from __future__ import annotations

from pathlib import Path

import click

from . import options
from .data_export import export
from .data_import import import_
from .data_spans import spans
from .data_survey import check, stats


@click.group(
    epilog=options.examples(
        "scl-rl data check train.jsonl dev.jsonl test.jsonl", "scl-rl data make --out corpus"
    )
)
def data() -> None:
    """Import, export, check, describe or generate documents and spans."""


for _verb in (import_, export, check, stats, spans):
    data.add_command(_verb)


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
