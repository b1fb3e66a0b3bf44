"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

READ = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITE = click.Path(dir_okay=False, path_type=Path)

overrides = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting: scl.tokens=60000, seed=1.",
)
runs = click.option(
    "--runs",
    "runs_dir",
    default="runs",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where run folders lie.",
)
force = click.option(
    "--force", multiple=True, metavar="STAGE", help="Run this stage even if nothing changed; may be repeated."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
