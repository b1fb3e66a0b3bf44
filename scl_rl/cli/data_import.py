"""``scl-rl data import``"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Problem, UserError
from . import options

if TYPE_CHECKING:
    from ..corpus.readers.misfits import Misfit
    from ..corpus.types import Document

_SHOWN = 20  # rows that don't fit
_WORST_FIRST = ("left out", "repaired", "kept")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@dataclass(frozen=True)
class _Import:
    """What an import writes, and what it does with rows that don't fit."""

    out: Path
    spans: Path | None
    rows: Path | None
    policy: Any

    def check(self, inputs: Sequence[Path | None]) -> None:
        """Try the outputs, none of which may be an input."""
        from ..output_files import check_outputs

        check_outputs({"--out": self.out, "--spans": self.spans, "--rows": self.rows}, inputs)

    def finish(self, documents: Iterable[Document], misfits: Sequence[Misfit], source: str) -> None:
        """Write the files, and say what is in them and what didn't fit."""
        from ..corpus.jsonl import write_jsonl
        from ..corpus.spans import spans_of

        counts: Counter[str] = Counter()
        taken: list[Any] = []

        def counted() -> Iterator[Document]:
            for document in documents:
                counts["documents"] += 1
                counts["codes"] += len(document.annotations or ())
                counts["mentions"] += sum(len(a.mentions or ()) for a in document.annotations or ())
                if self.spans is not None:
                    taken.extend(spans_of([document], source))
                yield document

        write_jsonl(self.out, counted())
        parts = [f"{counts[name]:,} {name}" for name in ("documents", "codes", "mentions")]
        if self.spans is not None:
            write_jsonl(self.spans, taken)
            parts.append(f"{len(taken):,} spans")
        click.echo(", ".join(parts))
        if self.rows is not None:
            write_jsonl(self.rows, map(asdict, misfits))
        if misfits:
            _say(misfits)


def _say(misfits: Sequence[Misfit]) -> None:
    done = Counter(misfit.done for misfit in misfits)
    what = ", ".join(f"{number:,} {name}" for name, number in done.items())
    click.echo(f"{len(misfits):,} rows don't fit: {what}")
    for misfit in sorted(misfits, key=lambda misfit: _WORST_FIRST.index(misfit.done))[:_SHOWN]:
        click.echo(f"  {misfit}")
    if len(misfits) > _SHOWN:
        click.echo(f"  and {len(misfits) - _SHOWN:,} more (--rows FILE lists them)")


@click.group("import", epilog=options.examples("scl-rl data import codiesp codiesp/train --out train.jsonl"))
def import_() -> None:
    """Convert other people's data to scl-rl's file formats.

    Rows that don't fit their text are listed. By default, offsets stand where the words differ, and a row
    that can't be used is an error; --strict, --drop and --repair do otherwise.
    """


def _imports(verb: Callable[..., None]) -> Callable[..., None]:
    """Give it what all imports have in common, as ``into``."""

    @functools.wraps(verb)
    def importing(
        out: Path,
        spans: Path | None,
        rows: Path | None,
        strict: bool,
        drop: bool,
        repair: bool,
        **others: Any,
    ) -> None:
        given = [name for name, on in (("strict", strict), ("drop", drop), ("repair", repair)) if on]
        if len(given) > 1:
            raise UserError(Problem(f"--{given[0]}", f"can't be used with --{given[1]}"))
        verb(into=_Import(out, spans, rows, given[0] if given else "keep"), **others)

    command = importing
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--out", required=True, type=options.WRITE, help="The documents file to write."),
    click.option("--spans", type=options.WRITE, help="Also write a spans file."),
    click.option(
        "--rows", type=options.WRITE, help="Write the rows that don't fit, with their words, as JSONL."
    ),
    click.option("--strict", is_flag=True, help="Refuse data in which any row doesn't fit."),
    click.option("--drop", is_flag=True, help="Leave out rows that don't fit."),
    click.option("--repair", is_flag=True, help="Look for the words of such rows near their offsets."),
)
_system = click.option(
    "--system", default="ICD-10-CM", show_default=True, help="The system of codes that don't name theirs."
)


@import_.command(epilog=options.examples("scl-rl data import codiesp codiesp/train --out train.jsonl"))
@click.argument("directory", type=_FOLDER)
@click.option(
    "--kinds",
    type=click.Choice(["diagnoses", "procedures", "both"]),
    default="diagnoses",
    show_default=True,
    help="Which codes to import.",
)
@_imports
def codiesp(directory: Path, kinds: Any, into: _Import) -> None:
    """Import one split of CodiEsp. DIRECTORY contains text_files/ and a *X.tsv."""
    from ..corpus.readers.codiesp import read_codiesp

    into.check([*directory.glob("*.tsv"), directory / "text_files"])
    read = read_codiesp(directory, kinds, into.policy)
    into.finish(read.documents, read.misfits, "codiesp")


@import_.command(
    epilog=options.examples(
        "scl-rl data import mdace data/Inpatient/ICD-10 --noteevents NOTEEVENTS.csv --out all.jsonl",
        "scl-rl data import mdace data/Profee/ICD-9 --noteevents N.csv --icd 9 --cpt --out profee.jsonl",
        "scl-rl data import mdace data/Inpatient/ICD-10 --noteevents N.csv --split s.csv --out s.jsonl",
    )
)
@click.argument("directory", type=_FOLDER)
@click.option("--noteevents", required=True, type=options.READ, help="MIMIC-III's NOTEEVENTS.csv.")
@click.option(
    "--split", type=options.READ, help="A file with one admission per line (default: all admissions)."
)
@click.option("--category", help='Only notes of this category, such as "Discharge summary".')
@click.option(
    "--icd",
    "edition",
    type=click.Choice(["9", "10"]),
    default="10",
    show_default=True,
    help="Edition of ICD.",
)
@click.option("--cpt", is_flag=True, help="Import CPT codes too.")
@_imports
def mdace(
    directory: Path,
    noteevents: Path,
    split: Path | None,
    category: str | None,
    edition: Any,
    cpt: bool,
    into: _Import,
) -> None:
    """Import MDACE. DIRECTORY contains annotation files; the notes come from NOTEEVENTS.csv."""
    from ..corpus.readers.mdace import read_mdace

    into.check([*directory.rglob("*.json"), noteevents, split])
    read = read_mdace(directory, noteevents, split, category, edition, cpt, into.policy)
    into.finish(read.documents, read.misfits, "mdace")


@import_.command(epilog=options.examples("scl-rl data import brat notes/ --out train.jsonl --repair"))
@click.argument("directory", type=_FOLDER)
@click.option("--type", "types", multiple=True, help="Only mentions of this type; may be repeated.")
@_system
@_imports
def brat(
    directory: Path,
    types: tuple[str, ...],
    system: str,
    into: _Import,
) -> None:
    """Import brat standoff. DIRECTORY contains NAME.txt and NAME.ann.

    A mention's codes are its normalisations (N1 Reference T1 ICD-10-CM:E11.9), or attributes or annotator
    notes that are codes, or its type if that is one.
    """
    from ..corpus.readers.brat import read_brat
    from ..icd.normalise import system_name

    into.check([*directory.rglob("*.txt"), *directory.rglob("*.ann")])
    read = read_brat(directory, system_name(system), types, into.policy)
    into.finish(read.documents, read.misfits, "brat")


@import_.command(
    epilog=options.examples(
        "scl-rl data import dataset notes.parquet --text note --code icd_codes --out train.jsonl",
        "scl-rl data import dataset rows.csv --id note --code code --start begin --end end --out train.jsonl",
        "scl-rl data import dataset someone/notes --split train --code entities.code --quote entities.words "
        "--out train.jsonl",
    )
)
@click.argument("name")
@click.option("--split", help="The split of a data set that has several.")
@click.option("--config", help="The configuration of a data set of the hub.")
@click.option("--revision", help="The revision of a data set of the hub.")
@click.option("--text", default="text", show_default=True, help="The column of texts.")
@click.option("--id", "identifier", help="The column of ids; rows with the same id are one document.")
@click.option("--code", help="The column of codes: one, a list, or several in one text.")
@click.option("--start", help="The column of the starts of mentions, one for each code.")
@click.option("--end", help="The column of their ends.")
@click.option("--quote", help="The column of their words.")
@click.option("--code-system", help="The column of the codes' systems.")
@click.option("--group", help="The column of groups, such as patients, that belong in one split.")
@_system
@_imports
def dataset(
    name: str,
    split: str | None,
    config: str | None,
    revision: str | None,
    text: str,
    identifier: str | None,
    code: str | None,
    start: str | None,
    end: str | None,
    quote: str | None,
    code_system: str | None,
    group: str | None,
    system: str,
    into: _Import,
) -> None:
    """Import a data set with named columns, with Hugging Face datasets.

    NAME is a JSON, CSV or Parquet file, a folder of them or one that save_to_disk wrote, or a data set of the
    hub. A column may be a part of another one: entities.code.
    """
    from ..corpus.readers.rows import Columns, documents_of_rows
    from ..exchange.dataset import dataset_rows
    from ..icd.normalise import system_name

    into.check([Path(name)] if Path(name).exists() else [])
    columns = Columns(text, identifier, code, start, end, quote, code_system, group)
    known, read_rows = dataset_rows(name, split, config, revision)
    columns.check(known, name)
    read = documents_of_rows(read_rows, columns, system_name(system), into.policy)
    if not read.documents:
        raise UserError(Problem(name, "no row of it can be used", "without --drop and --repair, it says why"))
    into.finish(read.documents, read.misfits, name)


@import_.command(
    epilog=options.examples(
        "scl-rl data import mimic NOTEEVENTS.csv --diagnoses DIAGNOSES_ICD.csv --out code_only.jsonl",
        "scl-rl data import mimic discharge.csv.gz --diagnoses diagnoses_icd.csv.gz --icd 10 --out ten.jsonl",
    )
)
@click.argument("notes", type=options.READ)
@click.option("--diagnoses", type=options.READ, help="DIAGNOSES_ICD.csv or diagnoses_icd.csv.gz.")
@click.option("--procedures", type=options.READ, help="PROCEDURES_ICD.csv or procedures_icd.csv.gz.")
@click.option(
    "--category", multiple=True, help="Notes of this category, not discharge summaries; may be repeated."
)
@click.option(
    "--icd",
    "edition",
    type=click.Choice(["9", "10", "both"]),
    default="both",
    show_default=True,
    help="Codes of this edition of ICD.",
)
@_imports
def mimic(
    notes: Path,
    diagnoses: Path | None,
    procedures: Path | None,
    category: tuple[str, ...],
    edition: Any,
    into: _Import,
) -> None:
    """Import MIMIC-III or MIMIC-IV as documents with codes but no evidence.

    NOTES is NOTEEVENTS.csv or discharge.csv.gz. Each note gets the codes of its admission.
    """
    from ..corpus.readers.mimic import DISCHARGE, MimicNotes

    if diagnoses is None and procedures is None:
        raise UserError(
            Problem("--diagnoses", "no table of codes is given", "add --diagnoses or --procedures")
        )
    if into.spans is not None:
        raise UserError(Problem("--spans", "these notes have no evidence to make spans of", "remove it"))
    into.check([notes, diagnoses, procedures])
    read = MimicNotes(notes, diagnoses, procedures, category or DISCHARGE, edition, into.policy)
    into.finish(read, read.misfits, "mimic")
    for why, number in read.left_out.most_common():
        click.echo(f"left out: {number:,} notes {why}")
