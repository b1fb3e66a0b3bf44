"""``scl-rl reward rescore``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options, reward_options

if TYPE_CHECKING:
    from ..answer.grammar import AnswerFormat
    from ..probe.rescore import Rescored


@click.command(
    epilog=options.examples("scl-rl reward rescore --run runs/mine --stage grpo --reward evidence")
)
@reward_options.rewards
@click.option(
    "--run", "run_dir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A run folder."
)
@click.option("--stage", help="The stage of the run; it must have set save_completions: true.")
@click.option(
    "--completions", type=options.READ, help='Lines of {"id", "completion", "reward"}, instead of a run.'
)
@click.option("--documents", type=options.READ, help="The documents the completions belong to.")
@reward_options.arguments
@reward_options.answer
@options.as_json
@reward_options.show_output
@reward_options.show_notes
def rescore(
    specs: tuple[str, ...],
    run_dir: Path | None,
    stage: str | None,
    completions: Path | None,
    documents: Path | None,
    arguments: tuple[str, ...],
    answer: AnswerFormat | None,
    as_json: bool,
    show_notes: bool,
) -> None:
    """Score logged completions with another reward and compare the two.

    With --run, the run's completions and documents are found automatically.
    """
    from ..answer.settings import PromptSettings
    from ..corpus.jsonl import read_documents
    from ..errors import UserError
    from ..probe.completions import notes_by_id, read_completions
    from ..probe.logged import logged_by_run
    from ..probe.rescore import rescored
    from ..runner.folder import RunFolder
    from .progress import progress

    prompt = PromptSettings()
    form: AnswerFormat = answer or "lines"
    if run_dir is not None:
        if completions is not None:
            raise UserError("a run or --completions, not both")
        run = RunFolder(run_dir)
        found = logged_by_run(run.stages, run.recipe, stage)
        completions, documents = found.completions, documents or found.documents
        prompt, form = found.prompt, answer or found.answer
    if completions is None or documents is None:
        raise UserError("name a run with --run and --stage, or --completions and --documents")
    target = reward_options.load_target(specs, arguments, form)
    gold = read_documents(documents)
    logged = read_completions(completions, gold, documents)
    notes = notes_by_id(gold, (completion.id for completion in logged), prompt)
    with progress() as tick:
        tick("scoring", 0, len(logged))
        new = target.score(
            [notes[c.id].row(c.completion) for c in logged],
            [notes[c.id].completion(c.completion) for c in logged],
        )
    result = rescored(logged, new)
    texts = {moved.number: logged[moved.number].completion for moved in result.moved} if show_notes else {}
    if as_json:
        shown = result.as_dict()
        for moved in shown["moved"]:
            moved |= {"completion": texts[moved["number"]]} if show_notes else {}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    _print(result, texts)


def _print(result: Rescored, texts: dict[int, str]) -> None:
    from .tables import cell_text, print_table

    rows = [
        ["mean reward", result.old_mean, result.new_mean],
        ["groups with equal rewards", result.old_no_spread, result.new_no_spread],
    ]
    notes_below = [
        f"{result.completions:,} completions in {result.groups:,} groups, {result.compared:,} compared",
        f"Kendall's tau between old and new within a group: {cell_text(result.kendall_tau)}",
        f"groups whose best completion changes: {cell_text(result.best_changes)}",
    ]
    print_table({"columns": ["", "old", "new"], "rows": rows}, notes_below)
    if result.moved:
        columns = ["completion", "id", "step", "group", "old", "new", "old rank", "new rank"]
        moves = [
            [m.number, m.id, m.step, m.group, m.old, m.new, f"{m.old_rank:g}", f"{m.new_rank:g}"]
            for m in result.moved
        ]
        click.echo("\nmoved most:")
        print_table({"columns": columns, "rows": moves})
    for number, text in texts.items():
        click.echo(f"\n[{number}]\n{text}")
