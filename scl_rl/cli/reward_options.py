"""Options that the verbs of ``scl-rl reward`` share, and what they mean."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from ..errors import Problem, UserError
from ..rewards_api.contain import SHOW_OUTPUT
from . import options

if TYPE_CHECKING:
    from ..answer.grammar import AnswerFormat
    from ..rewards_api.weighted import WeightedRewards

documents = click.option(
    "--documents", required=True, type=options.READ, help="The documents, with gold codes and evidence."
)
arguments = click.option(
    "--arg",
    "arguments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A keyword argument of the reward, with a YAML value; may be repeated.",
)
answer = click.option(
    "--answer", type=click.Choice(["lines", "json"]), help="The answer format (default: lines)."
)
rewards = click.option(
    "--reward",
    "specs",
    required=True,
    multiple=True,
    metavar="SPEC",
    help="NAME, package.module:function or ./file.py:function. For a weighted sum, repeat as SPEC*WEIGHT.",
)
show_output = click.option(
    "--show-reward-output",
    is_flag=True,
    expose_value=False,
    callback=lambda ctx, option, given: _show_output(ctx) if given else None,
    help="Show what rewards print and raise; it may quote notes, which are private.",
)
show_notes = click.option(
    "--show-notes", is_flag=True, help="Include text of the notes, which is private, in the output."
)


def _show_output(ctx: click.Context) -> None:
    """Let what rewards print through until the command is done."""
    before = os.environ.get(SHOW_OUTPUT)
    os.environ[SHOW_OUTPUT] = "1"
    if before is None:
        ctx.call_on_close(lambda: os.environ.pop(SHOW_OUTPUT, None))


def load_target(specs: Iterable[str], given: Iterable[str], form: AnswerFormat) -> WeightedRewards:
    """The rewards named on the command line.

    Raises:
        UserError: there is no such reward, or the arguments don't go with it.
    """
    from ..rewards_api.weighted import WeightedRewards

    named = [_weighted(spec) for spec in specs]
    arguments = parse_arguments(given)
    if arguments and len(named) > 1:
        raise UserError(
            Problem(
                "--arg", "goes with a single reward", "write a recipe and name its stage: --recipe, --stage"
            )
        )
    return WeightedRewards.load(
        ((name, weight, arguments) for name, weight in named), form, {"base": Path.cwd()}
    )


def _weighted(spec: str) -> tuple[str, float]:
    name, star, weight = spec.rpartition("*")
    if not star:
        return spec, 1.0
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(Problem(f"reward '{spec}'", f"'{weight}' is not a weight", "like evidence*0.5"))
    return name, number


def parse_arguments(given: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` texts as keyword arguments; a value is read as in a recipe.

    Raises:
        UserError: those that are not of this form.
    """
    from ..recipe.yaml12 import Loader

    problems: list[Problem] = []
    arguments: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        try:
            if not equals or not key.isidentifier():
                raise ValueError
            arguments[key] = Loader(value).get_single_data()
        except (ValueError, RecursionError, yaml.YAMLError):
            problems.append(Problem(f"--arg {text}", "should be KEY=VALUE, like beta=2 or soft=false"))
    if problems:
        raise UserError(*problems)
    return arguments
