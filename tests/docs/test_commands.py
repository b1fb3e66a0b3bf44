"""The command-line page is that of the commands, and each command says how it is used."""

import importlib.util
import shlex

import click
import pytest

from scl_rl.cli.main import main
from tests.support import HOME
from tests.support.commands import refusal

_SPEC = importlib.util.spec_from_file_location("commands", HOME / "docs" / "commands.py")
commands = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(commands)

CONTEXTS = list(commands.commands())
ROOT = click.Context(main, info_name="scl-rl")


def test_the_page_is_up_to_date():
    assert (HOME / "docs" / "cli.md").read_text(encoding="utf-8") == commands.page(), "run `make docs`"


def test_the_page_has_every_command():
    paths = {context.command_path for context in CONTEXTS}
    assert {"scl-rl run", "scl-rl data import mdace", "scl-rl reward probe"} <= paths
    assert all(f"## {path}\n" in commands.page() for path in paths)


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda c: c.command_path)
def test_a_command_and_its_options_are_described(context):
    assert context.command.help
    options = [p for p in context.command.params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help] == []


@pytest.mark.parametrize("context", [ROOT, *CONTEXTS], ids=lambda c: c.command_path)
def test_a_command_has_examples_that_it_accepts(context):
    lines = [line.strip() for line in (context.command.epilog or "").splitlines()[2:]]
    assert lines
    for line in lines:
        words = shlex.split(line.split(" > ")[0])
        path = context.command_path.split()
        assert words[: len(path)] == path
        assert refusal(words) is None
