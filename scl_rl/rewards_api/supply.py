"""What a stage gives a reward that asks for it by the name of a keyword argument."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .call import RewardFunction

SUPPLIED = ("spans", "model", "base")
"""``spans``: the run's spans.jsonl; ``model``: the folder of the model that the stage starts from; ``base``:
the folder that the recipe's relative paths start from. All are given as text."""


def with_supplied(
    function: RewardFunction, arguments: Mapping[str, Any], offered: Mapping[str, Path | None]
) -> dict[str, Any]:
    """The arguments, with what is offered for those that the function takes and the recipe leaves out.

    A path of the recipe's own among them is taken from ``base`` on.
    """
    base = offered.get("base") or Path.cwd()
    taken = _named(function)
    found = {name: str(path) for name, path in offered.items() if path is not None and name in taken}
    for name, value in arguments.items():
        is_path = name in SUPPLIED and name in taken and isinstance(value, str)
        found[name] = str(base / Path(value).expanduser()) if is_path else value
    return found


def lacking(function: RewardFunction, arguments: Mapping[str, Any]) -> set[str]:
    """What of :data:`SUPPLIED` the function can't do without and isn't given.

    That is what it takes without a default, or, if it has an attribute ``needs``, what that says when called
    with the arguments.
    """
    needs = getattr(function, "needs", None)
    wanted = set(needs(**arguments)) if needs is not None else _named(function, required=True)
    return {name for name in wanted if name in SUPPLIED and arguments.get(name) is None}


def _named(function: RewardFunction, required: bool = False) -> set[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set()
    named = (p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    return {p.name for p in named if p.default is p.empty or not required}
