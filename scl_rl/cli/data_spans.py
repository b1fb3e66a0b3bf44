"""``scl-rl data spans``"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options

if TYPE_CHECKING:
    from ..corpus.types import Document
    from ..synthesis import SynthesisSettings


@click.command(
    epilog=options.examples(
        "scl-rl data spans --documents train.jsonl --out spans.jsonl",
        "scl-rl data spans --documents train.jsonl --context 4 --how tabular --out spans.jsonl",
        "scl-rl data spans --documents train.jsonl --how teacher --set teacher.url=http://localhost:8000/v1 "
        "--set teacher.model=my-model --out spans.jsonl",
        "scl-rl data spans --how tabular --codes J18 --codes I10 --set tabular.typos=false --out spans.jsonl",
    )
)
@click.option("--out", required=True, type=options.WRITE, help="The spans file to write.")
@click.option(
    "--documents", multiple=True, type=options.READ, help="Documents to learn from; may be repeated."
)
@click.option(
    "--extract/--no-extract",
    default=True,
    show_default=True,
    help="Write the annotated mentions of the documents.",
)
@click.option(
    "--context",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Words of the note to keep on either side of an extracted mention.",
)
@click.option(
    "--how",
    multiple=True,
    type=click.Choice(["tabular", "mined", "teacher"]),
    help="Also synthesise spans: from the ICD tabular list, from what documents with a code have in common, "
    "or by a teacher model; may be repeated.",
)
@click.option(
    "--codes",
    multiple=True,
    metavar="CODE",
    help="Synthesise for this code, or all below it; 'data' (default) means those of the documents, "
    "'billable' all; may be repeated.",
)
@click.option("--max-spans", type=int, help="Maximum synthesised spans, shared out over the codes.")
@options.overrides
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
@options.as_json
def spans(
    out: Path,
    documents: tuple[Path, ...],
    extract: bool,
    context: int,
    how: tuple[str, ...],
    codes: tuple[str, ...],
    max_spans: int | None,
    overrides: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Extract spans from annotated documents, and synthesise more.

    With --set go the settings of the stage kind 'synthesize', such as tabular.typos=false or per_code=8.
    """
    from ..corpus.jsonl import read_documents, write_jsonl
    from ..corpus.spans import spans_of
    from ..errors import UserError
    from ..output_files import check_outputs
    from ..synthesis.make import synthesize
    from .console import RunConsole

    if not how and not (documents and extract):
        raise UserError("there is nothing to do: name --documents to extract from, or a --how")
    check_outputs({"--out": out}, documents)
    settings = _settings(how, codes, max_spans, overrides) if how else None
    read: list[Document] = [document for path in documents for document in read_documents(path)]
    marked = spans_of(read, "annotated")
    written = (spans_of(read, "annotated", context) if context else marked) if extract else []
    report: dict[str, Any] = {"extracted": len(written)}
    if settings is not None:
        console = RunConsole(sys.stderr)
        synthesis = synthesize(settings, marked, read, seed, base=Path.cwd(), reporter=console)
        console.close()
        written = [*written, *synthesis.spans]
        report["synthesized"] = synthesis.report()
    write_jsonl(out, written)
    click.echo(json.dumps(report) if as_json else "\n".join(_words(out, report)))


def _settings(
    how: tuple[str, ...], codes: tuple[str, ...], max_spans: int | None, overrides: tuple[str, ...]
) -> SynthesisSettings:
    from ..errors import UserError
    from ..recipe.explain import validate
    from ..recipe.override import apply_override
    from ..recipe.tree import Tree
    from ..synthesis import SynthesisSettings

    whole = {"data", "billable"} & set(codes)
    if whole and len(codes) > 1:
        raise UserError(f"--codes {whole.pop()} stands alone")
    tree = Tree("data spans")
    tree.places[()] = "data spans"
    tree.value = {"how": list(how)}
    tree.places[("how",)] = "--how"
    if codes:
        tree.value["codes"], tree.places[("codes",)] = codes[0] if whole else list(codes), "--codes"
    if max_spans is not None:
        tree.value["max_spans"], tree.places[("max_spans",)] = max_spans, "--max-spans"
    for override in overrides:
        apply_override(tree, override, tuple(SynthesisSettings.model_fields))
    settings = validate(SynthesisSettings, tree.value, (), tree)
    if settings is None:
        raise UserError(*tree.problems)
    return settings


def _words(out: Path, report: dict[str, Any]) -> list[str]:
    lines = [f"{out}: {report['extracted']:,} extracted"]
    if made := report.get("synthesized"):
        lines[0] += f", {made['spans']:,} synthesised for {made['codes']:,} codes"
        dropped = [f"{number:,} {name}" for name, number in made["dropped"].items() if number]
        if dropped:
            lines.append(f"candidates dropped: {', '.join(dropped)}")
        if made["unknown_codes"]:
            lines.append(f"{made['unknown_codes']:,} codes are not in ICD-10-CM and got none")
    return lines
