"""From a reward's name in a recipe to a function that TRL can call."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import Problem, UserError
from ..suggest import did_you_mean
from .find import installed, is_file, reward_problem

RewardFunction = Callable[..., list[float | None]]


def load_reward(name: str, base: Path) -> RewardFunction:
    """The function that a recipe names: entry point, ``package.module:function`` or ``./file.py:function``.

    Files are looked for relative to ``base`` and loaded under a name of their own: they shadow nothing.

    Raises:
        UserError: there is no such reward, or it can't be imported.
    """
    if problem := reward_problem(name, base):
        raise UserError(Problem(f"reward '{name}'", *problem))
    known = installed()
    if name in known:
        try:
            found: Any = known[name].load()
        except (ImportError, AttributeError, SyntaxError) as error:
            raise UserError(Problem(f"reward '{name}'", f"can't be loaded: {error}")) from error
    else:
        module_name, _, function_name = name.rpartition(":")
        try:
            module = _from_file(base / Path(module_name).expanduser()) if is_file(module_name) else None
            module = module or importlib.import_module(module_name)
            found = getattr(module, function_name)
        except (ImportError, OSError, SyntaxError, AttributeError) as error:
            raise UserError(Problem(f"reward '{name}'", f"can't be loaded: {error}")) from error
    if not callable(found):
        raise UserError(Problem(f"reward '{name}'", "is not a function"))
    return found  # type: ignore[no-any-return]


def _from_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"scl_rl_user_reward_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise OSError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bind(function: RewardFunction, arguments: dict[str, Any]) -> RewardFunction:
    """The function with keyword arguments filled in, under its own name, which TRL logs it by.

    Raises:
        UserError: the function takes no such argument.
    """
    takes = inspect.signature(function).parameters
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in takes.values()):
        for name in arguments.keys() - takes.keys():
            hint = did_you_mean(name, takes, "arguments")
            raise UserError(Problem(f"reward '{function.__name__}'", f"takes no argument '{name}'", hint))
    bound = functools.partial(function, **arguments)
    functools.update_wrapper(bound, function)
    return bound
