"""``scl-rl data check`` and ``scl-rl data stats``"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Problem, UserError
from . import options

if TYPE_CHECKING:
    from ..survey.findings import Finding

_SHOWN = 10  # findings of a kind

files_argument = click.argument("files", nargs=-1, required=True, type=options.READ)


@click.command(
    epilog=options.examples(
        "scl-rl data check train.jsonl dev.jsonl test.jsonl",
        "scl-rl data check train.jsonl --code-set ICD-10-PCS=icd10pcs_order_2026.txt --ignore no-seventh",
        r"scl-rl data check train.jsonl dev.jsonl --group '^(.*)-\d+$'",
    )
)
@files_argument
@options.code_sets
@click.option(
    "--group",
    metavar="REGEX",
    help="What in an id names the group, such as a patient, whose documents belong in one file (default: a "
    "document's key 'group').",
)
@click.option(
    "--similar",
    type=click.FloatRange(0.3, 1.0),
    default=0.8,
    show_default=True,
    help="Documents of two files are similar from this share of common 5-word runs.",
)
@click.option(
    "--ignore", multiple=True, metavar="KIND", help="Leave out findings of a kind; may be repeated."
)
@click.option("--all", "everything", is_flag=True, help=f"List all findings, not {_SHOWN} of each kind.")
@options.as_json
def check(
    files: tuple[Path, ...],
    code_set: tuple[str, ...],
    group: str | None,
    similar: float,
    ignore: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> None:
    """Find all that is wrong with FILES of documents or spans that belong together, each a split.

    Errors make the exit code 1: malformed lines, empty texts, contradictory annotations, and documents,
    near-duplicates or groups that are in two files. Warnings don't: codes that are unknown, retired, not
    billable or written in another way, repeated mentions, mentions that cut words.
    """
    from ..icd.files import code_systems
    from ..suggest import did_you_mean
    from ..survey.check import check_files
    from ..survey.findings import ERRORS, KINDS, Survey
    from .tables import print_table

    problems = [
        Problem("--ignore", f"no kind '{k}'", did_you_mean(k, KINDS)) for k in ignore if k not in KINDS
    ]
    if problems:
        raise UserError(*problems)
    with _counting("checked") as tick:
        systems = code_systems(options.code_set_files(code_set))
        survey = check_files(files, systems, _pattern(group), similar, tick)
    survey = Survey([one for one in survey.findings if one.kind not in ignore], survey.records)
    failed = any(finding.is_error for finding in survey.findings)
    if as_json:
        click.echo(json.dumps(survey.as_json(), indent=2, ensure_ascii=False))
    else:
        for _, findings in groupby(survey.findings, lambda finding: finding.kind):
            _list(list(findings), everything)
        counts = survey.counts()
        rows = [
            [kind, "error" if kind in ERRORS else "warning", n, KINDS[kind]] for kind, n in counts.items()
        ]
        read = [f"{path}: {number:,} records" for path, number in survey.records.items()]
        if rows:
            print_table({"columns": ["kind", "", "number", "what it means"], "rows": rows}, read)
        else:
            click.echo("\n".join([*read, "nothing found"]))
    if failed:
        raise click.exceptions.Exit(1)


def _list(findings: Sequence[Finding], everything: bool) -> None:
    shown = findings if everything else findings[:_SHOWN]
    for finding in shown:
        level = "error" if finding.is_error else "warning"
        times = f" [{finding.times:,} times]" if finding.times > 1 else ""
        click.echo(f"{level}: {finding.problem}{times}")
    if len(findings) > len(shown):
        kind, more = findings[0].kind, len(findings) - len(shown)
        click.echo(f"  and {more:,} more of the kind {kind} (--all lists them)")


def _pattern(group: str | None) -> re.Pattern[str] | None:
    try:
        return None if group is None else re.compile(group)
    except re.error as error:
        raise UserError(Problem("--group", f"is no regular expression: {error}")) from None


@contextmanager
def _counting(done: str) -> Iterator[Any]:
    """Something to call for each record, which shows their number on a terminal."""
    number = 0

    def tick() -> None:
        nonlocal number
        number += 1
        if number % 1000 == 0 and sys.stderr.isatty():
            click.echo(f"\r{done} {number:,} records", nl=False, err=True)

    yield tick
    if number >= 1000 and sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)


@click.command(
    epilog=options.examples(
        "scl-rl data stats train.jsonl dev.jsonl test.jsonl",
        "scl-rl data stats train.jsonl --model HuggingFaceTB/SmolLM2-1.7B-Instruct --json",
    )
)
@files_argument
@click.option(
    "--model",
    metavar="MODEL",
    help="Count tokens with this model's tokenizer: a folder, built-in name or Hub id.",
)
@options.as_json
def stats(files: tuple[Path, ...], model: str | None, as_json: bool) -> None:
    """Describe FILES of documents or spans: lengths, codes and their frequency, how ambiguous quotes are.

    The first file is taken for the training set: of the others it is said which share of their codes and
    wordings the first doesn't have.
    """
    from ..survey.stats import stats_of_files
    from .tables import print_table

    with _counting("read") as tick:
        found = stats_of_files(files, _token_count(model), tick)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    columns = [Path(name).name for name in found["files"]]
    if len(set(columns)) < len(columns):
        columns = list(found["files"])
    described = [dict(_rows(figures)) for figures in found["files"].values()]
    names = dict.fromkeys(name for rows in described for name in rows)
    table = [[name, *(rows.get(name) for rows in described)] for name in names]
    print_table({"columns": ["", *columns], "rows": table})


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The rows of a file's column."""
    for name, number in figures["records"].items():
        yield name.replace("_", "-") if name == "spans" else f"{name.replace('_', '-')} documents", number
    for name in ("characters", "tokens"):
        yield from _length_rows(name, figures.get(name))
    codes, mentions, wordings = figures["codes"], figures["mentions"], figures["wordings"]
    yield "distinct codes", codes["distinct"]
    yield "codes", codes["annotations"]
    yield from _length_rows("codes per document", codes["per_document"], total=False)
    for one in codes["by_frequency"]:
        high = "times or more" if one["to"] is None else f"to {one['to']} times"
        name = "codes that occur " + ("once" if one["to"] == 1 else f"{one['from']} {high}")
        yield name, one["codes"]
        yield f"{name} (share of all)", one["share_of_annotations"]
    yield "mentions", mentions["number"]
    yield "discontinuous", mentions["discontinuous"]
    yield "words occur elsewhere in the note too (share)", mentions["recurring"]
    yield from _length_rows("words per mention", mentions["words"], total=False)
    yield "distinct wordings", wordings["distinct"]
    yield "wordings of several codes (share)", wordings["of_several_codes"]
    yield "mentions in such wordings (share)", wordings["uses_of_several_codes"]
    yield "right code by the words alone, at best (share)", wordings["best_guess"]
    for name, value in figures.get("unseen", {}).items():
        yield f"not in the first file: {name.replace('_', ' ')}", value


def _length_rows(
    name: str, lengths: Mapping[str, Any] | None, total: bool = True
) -> Iterator[tuple[str, Any]]:
    if lengths is None:
        return
    for figure, value in lengths.items():
        if figure != "total" or total:
            yield f"{name}: {figure}", value


def _token_count(model: str | None) -> Any:
    if model is None:
        return None
    from ..modeling.settings import ModelSettings
    from ..modeling.shape import model_shape
    from ..preflight.lengths import TokenCounter

    shape = model_shape(ModelSettings(name=model), Path.cwd())
    if shape is None or shape.tokenizer is None:
        what = f"there is no tokenizer of '{model}' on this machine"
        raise UserError(
            Problem("--model", what, "a folder with tokenizer.json, or a model that was used before")
        )
    counter = TokenCounter(shape.tokenizer)
    return lambda text: len(counter(text, add_special_tokens=False)["input_ids"])
