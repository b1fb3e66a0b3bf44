"""From a reward's name in a recipe to a function that TRL can call."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..answer.grammar import AnswerFormat
from ..errors import Problem, UserError
from ..suggest import did_you_mean
from .call import RewardFunction, reward_name
from .find import installed, is_file, reward_problem, source_file
from .signature import misfits
from .supply import with_supplied

ALONE = "a reward file stands alone: put what it needs into it, or into an installed package"


def load_reward(name: str, base: Path) -> RewardFunction:
    """The function that a recipe names: entry point, ``package.module:function`` or ``./file.py:function``.

    Files are looked for relative to ``base`` and loaded under a name of their own: they shadow nothing,
    and they import installed packages, not the files beside them.

    Raises:
        UserError: there is no such reward, or importing it raises anything.
    """
    if problem := reward_problem(name, base):
        raise UserError(Problem(f"reward '{name}'", *problem))
    place, _, attribute = (installed()[name].value if name in installed() else name).rpartition(":")
    file = base / Path(place).expanduser() if name not in installed() and is_file(place) else None
    try:
        module: Any = importlib.import_module(place) if file is None else _from_file(file)
    except (Exception, SystemExit) as error:
        source = source_file(name, base)
        raise UserError(Problem(f"reward '{name}'", *_why(error, source, alone=file is not None))) from error
    try:
        found: Any = functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        hint = did_you_mean(
            attribute, [n for n, v in vars(module).items() if inspect.isfunction(v)], "functions"
        )
        where = file or f"module '{place}'"
        raise UserError(
            Problem(f"reward '{name}'", f"there is no function '{attribute}' in {where}", hint)
        ) from None
    if inspect.isclass(found) or not callable(found):
        what = "is a class" if inspect.isclass(found) else "is not a function"
        raise UserError(
            Problem(f"reward '{name}'", what, "name a function, or an instance that can be called")
        )
    return found  # type: ignore[no-any-return]


def load_bound(
    name: str, arguments: Mapping[str, Any], answer: AnswerFormat, offered: Mapping[str, Path | None]
) -> RewardFunction:
    """The reward that a stage names, with its arguments and what the stage offers filled in.

    Raises:
        UserError: as :func:`load_reward` and :func:`bind`.
    """
    function = load_reward(name, offered.get("base") or Path.cwd())
    return bind(function, {"answer": answer, **with_supplied(function, arguments, offered)})


def bind(function: RewardFunction, arguments: dict[str, Any]) -> RewardFunction:
    """The function with keyword arguments filled in. TRL sees its name, and whether it is async, as before.

    ``answer``, the form of the answers, may be among the arguments of a function that doesn't know it.

    Raises:
        UserError: the function takes no such arguments, or refuses their values.
    """
    own = {key: value for key, value in arguments.items() if key != "answer"}
    if found := misfits(function, own):
        where = f"reward '{reward_name(function)}'"
        raise UserError(*(Problem(where, what, hint) for _, what, hint in found))
    bound = functools.partial(function, **arguments)
    functools.update_wrapper(bound, function)
    return bound


def _from_file(path: Path) -> ModuleType:
    """Import a file under a name that depends on where it is and what it says, so that a change is seen."""
    source = path.read_bytes()
    mark = hashlib.sha256(str(path.resolve()).encode() + b"\0" + source).hexdigest()[:16]
    name = f"_scl_rl_reward_{path.stem}_{mark}"
    if name not in sys.modules:
        code = compile(source, str(path), "exec")
        module = ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module  # dataclasses look their module up
        try:
            exec(code, module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _why(error: BaseException, source: Path | None, alone: bool) -> tuple[str, str]:
    """Why a module can't be imported: ``file:line: Error: text``, and what to do about it."""
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"can't be loaded: {Path(error.filename or '?').name}:{error.lineno}: {error.msg}", ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if source is not None and Path(frame.filename) == source]
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}: " if own else ""
    hint = ""
    if alone and isinstance(error, ImportError) and source is not None:
        missing = (error.name or "").partition(".")[0]
        beside = missing and (
            (source.parent / f"{missing}.py").exists() or (source.parent / missing).is_dir()
        )
        hint = ALONE if beside or "relative import" in str(error) else ""
    return f"can't be loaded: {place}{what}", hint
