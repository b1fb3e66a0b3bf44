"""``scl-rl reward probe``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options, reward_options

if TYPE_CHECKING:
    from ..answer.grammar import AnswerFormat
    from ..probe.results import Report


@click.command(
    epilog=options.examples(
        "scl-rl reward probe ./my_reward.py:few_codes --documents dev.jsonl",
        "scl-rl reward probe --recipe mine.yaml --stage grpo --documents dev.jsonl --html probe.html",
    )
)
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option("--recipe", help="Probe the weighted sum of a recipe's stage instead.")
@click.option("--stage", help="The stage of the recipe; required if several have rewards.")
@reward_options.documents
@reward_options.arguments
@click.option(
    "--margin",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0),
    help="Minimum gap to the gold reward.",
)
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1), help="Maximum number of documents."
)
@click.option("--seed", default=0, show_default=True, help="Random seed for the attacks.")
@reward_options.answer
@options.as_json
@click.option("--html", type=options.WRITE, help="Also write an HTML report.")
@reward_options.show_output
@reward_options.show_notes
@click.pass_context
def probe(
    ctx: click.Context,
    specs: tuple[str, ...],
    recipe: str | None,
    stage: str | None,
    documents: Path,
    arguments: tuple[str, ...],
    margin: float,
    limit: int,
    seed: int,
    answer: AnswerFormat | None,
    as_json: bool,
    html: Path | None,
    show_notes: bool,
) -> None:
    """Attack a reward with answers it must not pay for.

    SPEC is NAME, package.module:function or ./file.py:function. For a weighted sum, give several as
    SPEC*WEIGHT. The exit code is 1 if an attack earns as much as gold, within the margin.
    """
    from ..answer.settings import PromptSettings
    from ..corpus.jsonl import read_documents
    from ..errors import UserError
    from ..output_files import check_outputs
    from ..probe.bench import Bench
    from ..probe.notes import Notes
    from ..probe.page import write_page
    from ..probe.target import target_of_stage
    from ..recipe.load import load_recipe
    from .progress import progress

    rewards = [Path(spec.partition(":")[0]) for spec in specs]
    check_outputs({"--html": html}, [documents, *rewards, Path(recipe) if recipe else None])
    if bool(specs) == bool(recipe):
        raise UserError(
            "name a reward, or a recipe with --recipe" if not specs else "a reward or a recipe, not both"
        )
    prompt = PromptSettings()
    form: AnswerFormat = answer or "lines"
    if recipe:
        if arguments:
            raise UserError("--arg goes with a reward; a recipe has its own arguments")
        loaded = load_recipe(recipe)
        prompt, form = loaded.head.prompt, answer or loaded.head.answer
        target = target_of_stage(loaded, stage, form)
    elif stage:
        raise UserError("--stage goes with --recipe")
    else:
        target = reward_options.load_target(specs, arguments, form)
    notes = Notes.of(read_documents(documents), prompt.template, prompt.chat, form, limit)
    with progress() as tick:
        report = Bench(target, notes, margin, seed, tick).report()
    if html is not None:
        write_page(report, target.label, html, show_notes)
    if as_json:
        click.echo(json.dumps(report.as_dict(show_notes), indent=2, ensure_ascii=False))
    else:
        _print(report, target.label)
    ctx.exit(0 if report.passed else 1)


def _print(report: Report, label: str) -> None:
    from .tables import cell_text, print_bars, print_table

    columns = ["attack", "documents", "reward", "gold", "gap", "asked for", "verdict", "seconds"]
    rows = [
        [f.name, f.documents, f.mean, f.gold, f.gap, f.margin, f.verdict, round(f.seconds, 2)]
        for f in report.attacks
    ]
    paid = [f"{f.name} PAYS: a model would learn {f.teaches}" for f in report.attacks if f.verdict == "PAYS"]
    errors = [f"{f.name}: {f.error}" for f in report.attacks if f.error]
    print_table({"columns": columns, "rows": rows}, [*paid, *errors])
    click.echo()
    steps = [
        [s.name, s.documents, *(_signed(v) for v in (s.mean, s.lowest, s.highest))] for s in report.steps
    ]
    print_table(
        {"columns": ["added to half of gold", "documents", "mean", "lowest", "highest"], "rows": steps}
    )
    groups = report.groups
    if groups.counts:
        click.echo(
            f"\n{groups.groups} simulated groups of {groups.size}: no spread in {groups.no_spread:.0%}, "
            f"mean standard deviation {cell_text(groups.spread)}"
        )
        names = [f"{a:.2f} to {b:.2f}" for a, b in zip(groups.edges, groups.edges[1:], strict=False)]
        print_bars(names, groups.counts)
    left_out = f" ({report.left_out} without annotated evidence left out)" if report.left_out else ""
    outcome = "no attack is paid like gold" if report.passed else "FAILED"
    if not report.tried:
        outcome = "FAILED: the reward abstains everywhere, nothing was tried"
    click.echo(f"\n{label} on {report.documents} documents{left_out}: {outcome}")


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.3f}"
