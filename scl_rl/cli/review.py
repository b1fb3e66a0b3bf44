"""``scl-rl review``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..errors import Problem, UserError
from . import options

_APPLYING = ("pairs", "diff", "tie")
_SHOWING = ("training", "blind", "sample", "stratify", "seed")
_BOTH = ("model",)


@click.command(
    epilog=options.examples(
        "scl-rl review predictions.jsonl --documents notes.jsonl --out review.html",
        "scl-rl review predictions.jsonl --documents notes.jsonl --out page.html --sample 50",
        "scl-rl review predictions.jsonl --documents notes.jsonl --apply a.json --apply b.json --out o.jsonl",
    )
)
@click.argument("predictions", type=options.READ)
@click.option("--documents", required=True, type=options.READ, help="The documents that were predicted.")
@click.option(
    "--out", required=True, type=options.WRITE, help="The page to write, or with --apply the documents."
)
@click.option(
    "--training",
    multiple=True,
    type=options.READ,
    help="Documents or spans used in training, to show what quoted words were marked with; may be repeated.",
)
@click.option("--blind", is_flag=True, help="Show nothing of the documents' own annotations.")
@click.option("--sample", type=click.IntRange(2), help="Number of notes to review, drawn at random.")
@click.option(
    "--stratify",
    type=click.Choice(["length", "codes", "located"]),
    help="Draw the sample from strata: by length of the note, number of predicted codes, or whether all "
    "quotes are in the note.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Random seed for the sample."
)
@click.option(
    "--apply",
    "reviews",
    multiple=True,
    type=options.READ,
    help="A review file saved from the page, to merge and write as documents; may be repeated.",
)
@click.option("--pairs", type=options.WRITE, help="With --apply: also write preference pairs.")
@click.option("--diff", type=options.WRITE, help="With --apply: also write what was changed in each note.")
@click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The model folder whose prompt, answer format and windows preference pairs have.",
)
@click.option(
    "--tie",
    default="leave-out",
    show_default=True,
    type=click.Choice(["leave-out", "keep", "drop"]),
    help="With --apply: what to do with a note (leave-out) or code (keep, drop) on which reviewers are tied.",
)
@options.as_json
@click.pass_context
def review(
    ctx: click.Context, /, predictions: Path, documents: Path, out: Path, as_json: bool, **given: Any
) -> None:
    """Write a page on which an auditor reviews PREDICTIONS, offline and by keyboard; or apply reviews.

    With --apply, the review files that auditors saved from the page are merged by majority into documents to
    train on, and their agreement is reported.
    """
    reviews = given.pop("reviews")
    _check_options(ctx, applying=bool(reviews))
    if reviews:
        how = {name: given[name] for name in (*_APPLYING, *_BOTH)}
        _apply(predictions, documents, reviews, out, as_json, **how)
    else:
        how = {name: given[name] for name in (*_SHOWING, *_BOTH)}
        _write_page(predictions, documents, out, as_json, **how)


def _check_options(ctx: click.Context, applying: bool) -> None:
    """Refuse options that would do nothing."""
    useless, why = (_SHOWING, "is not used with --apply") if applying else (_APPLYING, "needs --apply")
    named = [n for n in useless if ctx.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE]
    problems = [Problem(f"--{name}", why) for name in named]
    if ctx.params["stratify"] and not ctx.params["sample"]:
        problems.append(Problem("--stratify", "needs --sample"))
    if applying and ctx.params["model"] and not ctx.params["pairs"]:
        problems.append(Problem("--model", "with --apply it needs --pairs"))
    if problems:
        raise UserError(*problems)


def _write_page(
    predictions: Path, documents: Path, out: Path, as_json: bool, training: tuple[Path, ...], **how: Any
) -> None:
    from ..output_files import check_outputs
    from ..review.page import PageOptions, write_review_page
    from ..scoring.dictionary import dictionary_of_files

    check_outputs({"--out": out}, [predictions, documents, *training, how["model"]])
    wordings = dictionary_of_files(training) if training else None
    figures = write_review_page(predictions, documents, out, PageOptions(wordings=wordings, **how))
    if as_json:
        click.echo(json.dumps(figures))
        return
    notes = f"{figures['notes']} of {figures['of']} notes"
    click.echo(f"{notes}, {figures['codes']} codes to decide on: {out}")
    if "half_width" in figures:
        width = 100 * figures["half_width"]
        click.echo(f"all done, they give the share of right codes to ±{width:.1f} points or better (95%)")


def _apply(
    predictions: Path, documents: Path, reviews: tuple[Path, ...], out: Path, as_json: bool, **how: Any
) -> None:
    from ..output_files import check_outputs
    from ..review.apply import ApplyOptions, apply_reviews

    outputs = {"--out": out, "--pairs": how["pairs"], "--diff": how["diff"]}
    check_outputs(outputs, [predictions, documents, *reviews, how["model"]])
    figures = apply_reviews(predictions, documents, reviews, out, ApplyOptions(**how))
    if as_json:
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
    else:
        _print(figures, out)


def _print(figures: dict[str, Any], out: Path) -> None:
    from .tables import print_table

    columns = ["reviewer", "notes", "minutes", "codes", "right", "wrong", "changed", "added"]
    precisions = {"right codes": "code_precision", "right codes and words": "joint_precision"}
    rows = [
        [*(one[column] for column in columns), *(_interval(one[name]) for name in precisions.values())]
        for one in figures["reviewers"]
    ]
    print_table({"columns": [*columns, *precisions], "rows": rows})
    if figures["agreement"]:
        columns = ["a", "b", "notes", "code_f1", "joint_f1", "span_f1", "kappa", "kappa_words"]
        rows = [[one[column] for column in columns] for one in figures["agreement"]]
        print_table({"columns": columns, "rows": rows})
    for name, title in (("over_coding", "over-coding"), ("under_coding", "under-coding")):
        most = ", ".join(f"{code} {count}" for code, count in list(figures[name].items())[:10])
        click.echo(f"{title}: {most or 'none'}")
    notes = [
        (figures["left_out"], "notes left out: the reviewers are tied on a code (--tie)"),
        (figures["words_apart"], "codes whose words no majority names: all words are taken"),
        (figures["without_words"], "codes have no words; their notes train nothing but codes"),
    ]
    for number, text in notes:
        if number:
            click.echo(f"{number} {text}")
    pairs = f", {figures['pairs']} pairs" if "pairs" in figures else ""
    click.echo(f"{figures['notes']} notes{pairs}: {out}")


def _interval(share: dict[str, float] | None) -> str | None:
    if share is None:
        return None
    return f"{share['value']:.3f} [{share['low']:.3f}, {share['high']:.3f}]"
