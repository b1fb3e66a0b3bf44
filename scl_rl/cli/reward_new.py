"""``scl-rl reward new``"""

from __future__ import annotations

from pathlib import Path

import click

from . import options

_NEXT = """\
Next:
  pytest {test}
  scl-rl reward probe {spec} --documents documents.jsonl
and in a recipe, in a stage of kind grpo:
  rewards:
    - {{name: {name}, weight: 1.0, args: {{missed: 1.0}}}}"""


@click.command(epilog=options.examples("scl-rl reward new tidy"))
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    default=".",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to (default: the working folder).",
)
def new(name: str, folder: Path) -> None:
    """Write a starting point for a reward, NAME.py, and its test."""
    from ..rewards_api.starter import write_starter

    reward, test = write_starter(name, folder)
    click.echo(f"wrote {reward} and {test}\n")
    place = reward.as_posix() if reward.is_absolute() else f"./{reward.as_posix()}"
    click.echo(_NEXT.format(test=test, spec=f"{place}:{name}", name=f"./{name}.py:{name}"))
