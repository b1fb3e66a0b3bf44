"""Options that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..errors import Problem, UserError

Names = tuple[str, ...]

READ = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITE = click.Path(dir_okay=False, path_type=Path)

overrides = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting, such as scl.tokens=60000 or seed=1; may be repeated.",
)
runs = click.option(
    "--runs",
    "runs_dir",
    default="runs",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for run folders.",
)
_SELECTING = {
    "force": "Run this stage even if nothing has changed; may be repeated.",
    "only": "Run only this stage; may be repeated.",
    "from": "Run only this stage and its descendants; may be repeated.",
    "until": "Run only this stage and its prerequisites; may be repeated.",
}


def selection(verb: Callable[..., None]) -> Callable[..., None]:
    """Options that say which stages run, as one argument ``selection``: fields of ``Selection``."""

    @functools.wraps(verb)
    def selecting(force: Names, only: Names, start: Names, until: Names, **others: Any) -> None:
        verb(selection={"force": force, "only": only, "start": start, "until": until}, **others)

    command = selecting
    for option, words in reversed(_SELECTING.items()):
        name = "start" if option == "from" else option
        command = click.option(f"--{option}", name, multiple=True, metavar="STAGE", help=words)(command)
    return command


def examples(*commands: str) -> str:
    """The end of a command's help: commands to type, each shown on lines of its own."""
    return "\n".join(["\b", "Examples:" if len(commands) > 1 else "Example:", *(f"  {c}" for c in commands)])


notes = click.option(
    "--documents",
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    help="The notes: a JSONL file, a .txt file, a folder of .txt files, or - for standard input.",
)
predictions_out = click.option(
    "--out", type=WRITE, help="The file to write; standard output if there is neither this nor --explain."
)
form = click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "fhir", "w3c"]),
    default="jsonl",
    show_default=True,
    help="predictions.jsonl, a table, a FHIR R4 Bundle, or W3C Web Annotations.",
)
explain = click.option(
    "--explain", is_flag=True, help="Print each note with its evidence in colour; it shows the note."
)


model = click.option(
    "--model",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model folder written by a run: runs/NAME/stages/STAGE/model.",
)


def generation(verb: Callable[..., None]) -> Callable[..., None]:
    """How answers are generated: batch_size, max_new_tokens, window, overlap, votes."""
    for option in reversed(_GENERATION):
        verb = option(verb)
    return verb


_GENERATION = (
    click.option(
        "--batch-size", default=16, show_default=True, type=click.IntRange(1), help="Prompts per batch."
    ),
    click.option(
        "--max-new-tokens",
        default=256,
        show_default=True,
        type=click.IntRange(1),
        help="Maximum tokens per answer.",
    ),
    click.option(
        "--window",
        type=click.IntRange(16),
        help="Maximum note tokens per window (default: as the model was trained).",
    ),
    click.option(
        "--overlap",
        default=0,
        show_default=True,
        type=click.IntRange(0),
        help="Tokens of a window, at most, that the next one repeats: evidence at a cut is seen whole.",
    ),
    click.option(
        "--votes",
        default=1,
        show_default=True,
        type=click.IntRange(1, 2),
        help="With 2, what is cited where windows overlap is kept only if both of them cite it.",
    ),
)


def on_disk(path: Path) -> Path | None:
    """A path that names a file or folder; None for - (standard input)."""
    return None if str(path) == "-" else path


code_sets = click.option(
    "--code-set",
    multiple=True,
    metavar="SYSTEM=FILE",
    help="The codes of a system, such as ICD-10-PCS=icd10pcs_order_2026.txt: a file of CMS, a dictionary of "
    "MIMIC, or codes and titles separated by tabs; may be repeated. ICD-10-CM is built in.",
)


def code_set_files(given: Names) -> dict[str, Path]:
    """System → file, as ``--code-set`` gives them.

    Raises:
        UserError: one is not like SYSTEM=FILE.
    """
    pairs = [one.partition("=") for one in given]
    problems = [
        Problem("--code-set", f"'{''.join(pair)}' is not SYSTEM=FILE") for pair in pairs if not all(pair)
    ]
    if problems:
        raise UserError(*problems)
    return {system: Path(file) for system, _, file in pairs}


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
