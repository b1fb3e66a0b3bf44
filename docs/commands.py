"""Writes the command-line page from the commands themselves: usage, arguments, options, examples.

python docs/commands.py > docs/cli.md     # part of `make docs`
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import click

from scl_rl.cli.main import main

HEAD = """\
# Commands

`scl-rl COMMAND --help` shows the same in a terminal. This page is generated: run `make docs` after changing a
command.

Exit codes: 0, done; 1, the work failed or a check did not hold; 2, the input (recipe, data, options) is
wrong. `run` exits with 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP. Commands that report results
print JSON with `--json`.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *(_section(context) for context in commands())])


def commands() -> Iterator[click.Context]:
    """Every command, groups before their members, in the order of ``scl-rl --help``."""
    yield from _below(main.make_context("scl-rl", [], resilient_parsing=True))


def _below(group: click.Context) -> Iterator[click.Context]:
    assert isinstance(group.command, click.Group)
    for name in group.command.list_commands(group):
        command = group.command.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group)
        yield context
        if isinstance(command, click.Group):
            yield from _below(context)


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", cleandoc(command.help or ""), f"```\n{usage}\n```"]
    options = [p for p in command.params if isinstance(p, click.Option)]
    if options:
        rows = "\n".join(_row(option, context) for option in options)
        parts.append(f"| option | what it does | default |\n|---|---|---|\n{rows}")
    if command.epilog:
        parts.append(_examples(command.epilog))
    return "\n\n".join(parts) + "\n"


def _row(option: click.Option, context: click.Context) -> str:
    names = ", ".join(option.opts)
    if not option.is_flag:
        names += f" {option.make_metavar(context)}"
    cells = [f"`{names}`", option.help or "", _default(option, context)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(option: click.Option, context: click.Context) -> str:
    if option.required:
        return "required"
    default: Any = option.get_default(context)
    shown = option.show_default and not option.is_flag and default is not None
    return f"`{default}`" if shown else ""


def _examples(epilog: str) -> str:
    lines = [line.strip() for line in epilog.splitlines()[2:]]
    return "```\n" + "\n".join(lines) + "\n```"


if __name__ == "__main__":
    print(page(), end="")
