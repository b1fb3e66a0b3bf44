"""Which arguments a reward takes, and what is wrong with a recipe's: from the reward or from its source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem
from ..suggest import did_you_mean
from .find import Definition, ModuleSource, source_file
from .protocol import FROM_TRAINING, INJECTED, ChecksArguments, Needs, RewardFunction

_COLUMNS = Problem(
    "", "takes no **columns, but gets every column of the data", "end its parameters with **columns"
)


@dataclass(frozen=True)
class _Takes:
    """What a reward function can be given.

    Attributes:
        named: the parameters with a name; what goes into ``**columns`` is not an argument of a recipe.
        required: those that have no default.
        more: it takes ``**columns``, or is called by something that does.
        anything: it takes ``*args, **kwargs`` and hands them on, so that nobody knows.
    """

    named: tuple[str, ...]
    required: tuple[str, ...] = ()
    more: bool = True
    anything: bool = False


def argument_problems(function: RewardFunction, arguments: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the arguments of a loaded reward, by name and then by value.

    ``at`` of a problem is the argument's name, or empty where the reward itself is wrong.
    """
    found = _compared(_from_function(function), arguments)
    if not found and isinstance(function, ChecksArguments):
        try:
            function.check_arguments(**arguments)
        except (TypeError, ValueError) as error:
            found.append(Problem("", " ".join(str(error).split())))
    return found


def source_problems(name: str, arguments: Mapping[str, Any], base: Path) -> list[Problem]:
    """What is wrong with a reward that can be found, as far as its source tells; nothing of it is run."""
    path = source_file(name, base)
    if path is None:
        return []
    place, _, function = name.rpartition(":")
    try:
        source = ModuleSource.read(path, "" if place.endswith(".py") else place)
    except SyntaxError as error:
        return [Problem("", f"can't be loaded: {path.name}:{error.lineno}: {error.msg}")]
    except (ValueError, OSError) as error:
        return [Problem("", f"can't be loaded: {path.name}: {error}")]
    found = source.definition(function)
    if found is Definition.MISSING:
        hint = did_you_mean(function, source.functions(), "functions")
        return [Problem("", f"there is no function '{function}' in {path}", hint)]
    if isinstance(found, ast.ClassDef):
        return [Problem("", f"'{function}' is a class", "name a function, or an instance that can be called")]
    if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and source.keeps_parameters(found):
        return _compared(_from_source(found), arguments)
    return []


def with_injected(
    function: RewardFunction, arguments: Mapping[str, Any], injected: Mapping[str, Path | None]
) -> dict[str, Any]:
    """The arguments, with what is injected for those that the function takes and the recipe leaves out.

    A path of the recipe's own among them starts from ``base``.
    """
    base = injected.get("base") or Path.cwd()
    takes = _from_function(function).named
    found = {name: str(path) for name, path in injected.items() if path is not None and name in takes}
    for name, value in arguments.items():
        is_path = name in INJECTED and name in takes and isinstance(value, str)
        found[name] = str(base / Path(value).expanduser()) if is_path else value
    return found


def missing_injected(function: RewardFunction, arguments: Mapping[str, Any]) -> set[str]:
    """What of :data:`~scl_rl.rewards_api.protocol.INJECTED` the function can't do without and isn't given."""
    if isinstance(function, Needs):
        wanted = function.needs(**arguments)
    else:
        wanted = {p.name for p in _named(function) if p.default is p.empty}
    return {name for name in wanted if name in INJECTED and arguments.get(name) is None}


def _compared(takes: _Takes, arguments: Mapping[str, Any]) -> list[Problem]:
    if not takes.more and not {*FROM_TRAINING, "answer"} - {"environments"} <= set(takes.named):
        return [_COLUMNS]
    found: list[Problem] = []
    own = [name for name in takes.named if name not in (*FROM_TRAINING, "answer")]
    for name in arguments:
        at = (name,)
        if name == "answer":
            found.append(Problem("", "is the recipe's own setting 'answer'", "remove it here", at))
        elif name in FROM_TRAINING:
            what = f"'{name}' comes from the training data, not the recipe"
            found.append(Problem("", what, "remove it here", at))
        elif name not in takes.named and not takes.anything:
            hint = did_you_mean(name, own, "arguments") or "it has none"
            found.append(Problem("", f"takes no argument '{name}'", hint, at))
    for name in takes.required:
        if name in own and name not in (*arguments, *INJECTED):
            found.append(Problem("", f"needs the argument '{name}'", "give it under 'args'"))
    return found


def _from_function(function: RewardFunction) -> _Takes:
    try:
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    except (TypeError, ValueError):
        return _Takes((), anything=True)
    named = _named(function)
    wrapped = hasattr(function, "__wrapped__")  # its own caller fills in what has no default
    return _Takes(
        named=tuple(p.name for p in named),
        required=() if wrapped else tuple(p.name for p in named if p.default is p.empty),
        more=wrapped or inspect.Parameter.VAR_KEYWORD in kinds,
        anything={inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds,
    )


def _named(function: RewardFunction) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _from_source(function: ast.FunctionDef | ast.AsyncFunctionDef) -> _Takes:
    written = function.args
    required = [a.arg for a in written.args[: len(written.args) - len(written.defaults)]]
    required += [
        a.arg for a, default in zip(written.kwonlyargs, written.kw_defaults, strict=True) if default is None
    ]
    wrapped = bool(function.decorator_list)
    return _Takes(
        named=tuple(a.arg for a in (*written.args, *written.kwonlyargs)),
        required=() if wrapped else tuple(required),
        more=wrapped or written.kwarg is not None,
        anything=written.vararg is not None and written.kwarg is not None,
    )
