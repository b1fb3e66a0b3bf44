"""Which arguments a reward takes, and which of a recipe's don't fit: from the function or from its source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..suggest import did_you_mean
from .call import RewardFunction
from .find import installed, source_file
from .supply import SUPPLIED

Misfit = tuple[str, str, str]
"""The argument's name ("" = the reward itself), what is wrong, and what to do."""

OURS = "scl_rl.reward."
FROM_TRAINING = (
    *("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric", "environments"),
    *("id", "text", "annotations"),
)


@dataclass(frozen=True)
class _Takes:
    """What a reward function can be given.

    Attributes:
        named: the parameters with a name; what goes into ``**columns`` is not an argument of a recipe.
        required: those that have no default.
        anything: it takes ``*args, **kwargs`` and hands them on, so that nobody knows.
    """

    named: tuple[str, ...]
    required: tuple[str, ...] = ()
    anything: bool = False


def misfits_of_name(name: str, arguments: dict[str, Any], base: Path) -> list[Misfit]:
    """What is wrong with a reward that can be found, as far as that can be told without running its code.

    A user's module may take long to import, so only its source is read; our own are imported.
    """
    point = installed().get(name)
    if point is not None and point.value.startswith(OURS):
        return misfits(point.load(), arguments)
    path = source_file(name, base)
    if path is None:
        return []
    function = (point.value if point else name).rpartition(":")[2]
    try:
        module = ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        return [("", f"can't be loaded: {path.name}:{error.lineno}: {error.msg}", "")]
    except (ValueError, OSError) as error:
        return [("", f"can't be loaded: {path.name}: {error}", "")]
    found = [statement for statement in _top(module.body) if function in _binds(statement)]
    if not found:
        if any(isinstance(s, ast.ImportFrom) and s.names[0].name == "*" for s in _top(module.body)):
            return []
        known = [s.name for s in _top(module.body) if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [
            ("", f"there is no function '{function}' in {path}", did_you_mean(function, known, "functions"))
        ]
    last = found[-1]
    if isinstance(last, ast.ClassDef):
        return [("", f"'{function}' is a class", "name a function, or an instance that can be called")]
    if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) and _keeps_signature(last):
        return _compared(_from_source(last), arguments)
    return []


def misfits(function: RewardFunction, arguments: dict[str, Any]) -> list[Misfit]:
    """What is wrong with the arguments of a loaded reward.

    A function may have an attribute ``check_arguments``, called with the arguments, that raises a
    ValueError or TypeError for values that the reward refuses.
    """
    found = _compared(_from_function(function), arguments)
    check = getattr(function, "check_arguments", None)
    if not found and check is not None:
        try:
            check(**arguments)
        except (TypeError, ValueError) as error:
            found.append(("", " ".join(str(error).split()), ""))
    return found


def _compared(takes: _Takes, arguments: dict[str, Any]) -> list[Misfit]:
    found: list[Misfit] = []
    own = [name for name in takes.named if name not in (*FROM_TRAINING, "answer")]
    for name in arguments:
        if name == "answer":
            found.append((name, "is the recipe's own setting 'answer'", "remove it here"))
        elif name in FROM_TRAINING:
            found.append((name, f"'{name}' comes from the training data, not the recipe", "remove it here"))
        elif name not in takes.named and not takes.anything:
            hint = did_you_mean(name, own, "arguments") or "it has none"
            found.append((name, f"takes no argument '{name}'", hint))
    for name in takes.required:
        if name in own and name not in (*arguments, *SUPPLIED):
            found.append(("", f"needs the argument '{name}'", "give it under 'args'"))
    return found


def _from_function(function: RewardFunction) -> _Takes:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return _Takes((), anything=True)
    kinds = {parameter.kind for parameter in parameters}
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    wrapped = hasattr(function, "__wrapped__")  # its own caller fills in what has no default
    required = () if wrapped else tuple(p.name for p in named if p.default is p.empty)
    anything = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return _Takes(tuple(p.name for p in named), required, anything)


def _from_source(function: ast.FunctionDef | ast.AsyncFunctionDef) -> _Takes:
    written = function.args
    named = [a.arg for a in (*written.args, *written.kwonlyargs)]
    without = len(written.args) - len(written.defaults)
    required = [a.arg for a in written.args[: max(0, without)]]
    required += [
        a.arg for a, default in zip(written.kwonlyargs, written.kw_defaults, strict=True) if default is None
    ]
    anything = written.vararg is not None and written.kwarg is not None
    return _Takes(tuple(named), () if function.decorator_list else tuple(required), anything)


def _keeps_signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether what a recipe can set is what is written here; a decorator unknown to us may change it."""
    return all(ast.unparse(decorator).split(".")[-1] == "per_answer" for decorator in function.decorator_list)


def _top(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module that are run when it is imported."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                yield from _top(getattr(statement, field, ()))
            for handler in getattr(statement, "handlers", ()):
                yield from _top(handler.body)


def _binds(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return set()
