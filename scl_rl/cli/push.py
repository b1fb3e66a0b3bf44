"""``scl-rl push``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command(
    epilog=options.examples(
        "scl-rl push runs/mine/stages/scl/model --to me/icd-coder --dry-run",
        "scl-rl push runs/mine/stages/scl/model --to me/icd-coder --base-model HuggingFaceTB/SmolLM2-1.7B",
    )
)
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", "repository", required=True, metavar="OWNER/NAME", help="The repository on the hub.")
@click.option(
    "--base-model", "base", metavar="OWNER/NAME", help="What the model was trained from, as the hub names it."
)
@click.option("--public", is_flag=True, help="Make the repository public (default: private).")
@click.option("--dry-run", is_flag=True, help="Show the card and the files, and upload nothing.")
@options.as_json
def push(model: Path, repository: str, base: str | None, public: bool, dry_run: bool, as_json: bool) -> None:
    """Put MODEL, a model folder of a finished run, on the Hugging Face Hub with a model card.

    The card has the recipe, the data by counts and checksums, the results with their intervals, and limits.
    Weights may memorise notes: the repository is private unless --public is given.
    """
    from ..report.push import push as put

    done = put(model, repository, base=base, private=not public, dry_run=dry_run)
    if as_json:
        said = {"repository": done.repository, "private": done.private, "uploaded": not dry_run}
        click.echo(json.dumps({**said, "files": done.files}, indent=2))
        return
    if dry_run:
        click.echo(done.card)
    for name, size in done.files.items():
        click.echo(f"{size:>14,}  {name}")
    verb = "would be uploaded to" if dry_run else "uploaded to"
    click.echo(f"{len(done.files)} files {verb} {repository} ({'private' if done.private else 'public'})")
