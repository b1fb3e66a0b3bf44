"""From a reward's name in a recipe to a function that TRL can call."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ..errors import UserError

GROUP = "scl_rl.rewards"
RewardFunction = Callable[..., list[float | None]]


def load_reward(name: str, base: Path) -> RewardFunction:
    """The function that a recipe names: entry point, ``package.module:function`` or ``./file.py:function``.

    Files are looked for relative to ``base`` and loaded under a name of their own: they shadow nothing.

    Raises:
        UserError: there is no such reward, or it can't be imported.
    """
    if ":" not in name:
        known = {entry.name: entry for entry in entry_points(group=GROUP)}
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(known))}"
            raise UserError(f"reward '{name}': no such reward is installed ({hint})")
        found: Any = known[name].load()
    else:
        module_name, _, function_name = name.rpartition(":")
        try:
            module = _from_file(base / module_name) if module_name.endswith(".py") else None
            module = module or importlib.import_module(module_name)
            found = getattr(module, function_name)
        except (ImportError, OSError, SyntaxError, AttributeError) as error:
            raise UserError(f"reward '{name}': can't be loaded: {error}") from error
    if not callable(found):
        raise UserError(f"reward '{name}': not a function")
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
            near = get_close_matches(name, takes, 1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise UserError(f"reward '{function.__name__}': takes no argument '{name}'{hint}")
    bound = functools.partial(function, **arguments)
    functools.update_wrapper(bound, function)
    return bound
