"""``scl-rl reward score``"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from . import options, reward_options

if TYPE_CHECKING:
    from ..answer.grammar import AnswerFormat

COUNTS = ("right", "cited", "malformed", "duplicates", "mentions", "located")  # of the breakdown


@click.command(
    epilog=options.examples(
        "scl-rl reward score --reward evidence --documents gold.jsonl --completions answers.jsonl"
    )
)
@reward_options.rewards
@reward_options.documents
@click.option("--completions", required=True, type=options.READ, help='Lines of {"id", "completion"}.')
@reward_options.arguments
@reward_options.answer
@reward_options.show_output
@reward_options.show_notes
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line, in the order of the file."
)
def score(
    specs: tuple[str, ...],
    documents: Path,
    completions: Path,
    arguments: tuple[str, ...],
    answer: AnswerFormat | None,
    show_notes: bool,
    as_json: bool,
) -> None:
    """Score completions with a reward and show what the scores are made of.

    An id may occur several times. The score is null where the reward abstains.
    """
    from ..answer.settings import PromptSettings
    from ..corpus.jsonl import read_documents
    from ..probe.completions import notes_by_id, read_completions
    from ..probe.score import scored
    from .progress import progress

    form: AnswerFormat = answer or "lines"
    target = reward_options.load_target(specs, arguments, form)
    gold = read_documents(documents)
    given = read_completions(completions, gold, documents)
    notes = notes_by_id(gold, (completion.id for completion in given), PromptSettings())
    with progress() as tick:
        tick("scoring", 0, len(given))
        results = scored(target, [(notes[c.id], c.completion) for c in given], form, show_notes)
    if as_json:
        for result in results:
            click.echo(json.dumps(result, ensure_ascii=False))
    else:
        _print(results)


def _print(results: list[dict[str, Any]]) -> None:
    from .tables import cell_text, print_table

    parts = list(dict.fromkeys(name for result in results for name in result["parts"]))
    counts = [name for name in COUNTS if name not in parts]
    rows = [
        [
            r["id"],
            r["score"],
            *(r["parts"].get(name) for name in parts),
            *((r["breakdown"] or {}).get(name) for name in counts),
        ]
        for r in results
    ]
    names = ["id", "score", *parts, *(name.replace("_", " ") for name in counts)]
    means = [_mean([row[i] for row in rows]) for i in range(1, len(names))]
    print_table({"columns": names, "rows": [*rows, ["mean", *means]]})
    abstained = sum(result["score"] is None for result in results)
    note = f", {abstained:,} without a score" if abstained else ""
    click.echo(f"{len(results):,} completions{note}; mean score {cell_text(means[0])}")


def _mean(values: list[Any]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None
