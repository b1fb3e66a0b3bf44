"""Options that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

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


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
