"""Whether what pages and helps tell readers to type would be accepted."""

import re

import click

from scl_rl.cli.main import main
from tests.support import HOME


def refusal(words):
    """What is wrong with a command, or None."""
    if words[0] == "make":
        known = re.findall(r"^([a-z]+):", (HOME / "Makefile").read_text(), re.M)
        return next(
            (f"no target {word}" for word in words[1:] if word not in known and "=" not in word), None
        )
    command, context = main, main.make_context("scl-rl", [], resilient_parsing=True)
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.get_command(context, rest[0])
        if command is None:
            return f"no command {rest[0]}"
        context, rest = click.Context(command, info_name=rest[0], parent=context), rest[1:]
    if {"--help", "--version"} & set(rest):
        return None
    try:
        given, extra, _ = command.make_parser(context).parse_args(list(rest))
        for parameter in command.params:
            value = given.get(parameter.name)
            if isinstance(parameter.type, click.Choice) and isinstance(value, str):
                parameter.type.convert(value, parameter, context)
    except click.UsageError as error:
        return error.format_message()
    missing = [p.name for p in command.params if p.required and not given.get(p.name)]
    return f"left over: {extra}, missing: {missing}" if extra or missing else None
