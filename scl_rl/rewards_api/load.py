"""From a reward's name in a recipe to a function that TRL can call, tried on a few gold rows."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ..answer.grammar import AnswerFormat, render
from ..answer.prompt import prompt_for
from ..corpus.types import Document
from ..errors import Problem, UserError
from ..scoring import GoldDocument
from ..suggest import did_you_mean
from .arguments import argument_problems, missing_injected, source_problems, with_injected
from .call import call_reward, completion_of, row_of
from .contain import contained
from .find import installed, is_file, reward_problem, source_file
from .protocol import Completion, RewardFunction, Row, reward_name

GARBAGE = '"" => ;; +#0 {"code": [\n\x00 ünreadable "' + "again and again " * 8
ALONE = "a reward file stands alone: put what it needs into it, or into an installed package"


def load_reward(name: str, base: Path) -> RewardFunction:
    """The function that a recipe names: entry point, ``package.module:function`` or ``./file.py:function``.

    Files are looked for relative to ``base`` and loaded under a name of their own: they shadow nothing,
    and they import installed packages, not the files beside them.

    Raises:
        UserError: there is no such reward, or importing it raises anything.
    """
    if problem := reward_problem(name, base):
        raise _refusal(name, problem)
    place, _, attribute = (installed()[name].value if name in installed() else name).rpartition(":")
    file = base / Path(place).expanduser() if name not in installed() and is_file(place) else None
    try:
        with contained():
            module: Any = importlib.import_module(place) if file is None else _from_file(file)
    except KeyboardInterrupt:  # the user's; a module may raise anything else
        raise
    except BaseException as error:
        source = source_file(name, base)
        raise _refusal(name, _why(error, source, alone=file is not None)) from error
    try:
        found: Any = functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        hint = did_you_mean(attribute, _functions(module), "functions")
        where = file or f"module '{place}'"
        raise _refusal(name, Problem("", f"there is no function '{attribute}' in {where}", hint)) from None
    if inspect.isclass(found) or not callable(found):
        what = "is a class" if inspect.isclass(found) else "is not a function"
        raise _refusal(name, Problem("", what, "name a function, or an instance that can be called"))
    return found  # type: ignore[no-any-return]


def problems_of(name: str, arguments: Mapping[str, Any], base: Path) -> list[Problem]:
    """What is wrong with a reward and its arguments, before anything runs; ``where`` of them is empty.

    A reward of an installed package's entry points is imported, as plugins are everywhere. Of a file or a
    dotted path, which may take long to import, only the source is read.
    """
    if problem := reward_problem(name, base):
        return [problem]
    if name not in installed():
        return source_problems(name, arguments, base)
    try:
        return argument_problems(load_reward(name, base), arguments)
    except UserError as error:
        return [replace(problem, where="") for problem in error.problems]


def load_bound(
    name: str, arguments: Mapping[str, Any], answer: AnswerFormat, injected: Mapping[str, Path | None]
) -> RewardFunction:
    """The reward that a stage names, with its arguments and what the stage injects filled in.

    Raises:
        UserError: as :func:`load_reward` and :func:`bind`.
    """
    function = load_reward(name, injected.get("base") or Path.cwd())
    return bind(function, {"answer": answer, **with_injected(function, arguments, injected)}, name)


def bind(function: RewardFunction, arguments: dict[str, Any], name: str = "") -> RewardFunction:
    """The function with keyword arguments filled in. TRL sees its name, and whether it is async, as before.

    ``answer``, the form of the answers, may be among the arguments of a function that doesn't know it.

    Args:
        name: the reward's name in messages; the function's own if empty.

    Raises:
        UserError: the function takes no such arguments, or refuses their values.
    """
    own = {key: value for key, value in arguments.items() if key != "answer"}
    if found := argument_problems(function, own):
        raise _refusal(name or reward_name(function), *found)
    bound = functools.partial(function, **arguments)
    functools.update_wrapper(bound, function, updated=())
    return bound


def trial_rows(
    documents: Iterable[Document], template: str, chat: bool, answer: AnswerFormat
) -> tuple[list[Row], list[Completion]]:
    """Three rows a document: answered with its gold, with nothing and with garbage.

    ``completion_ids`` stand in for a tokenizer's: the bytes of the answer.
    """
    rows: list[Row] = []
    completions: list[Completion] = []
    for document in documents:
        prompt = prompt_for(document.text, template, chat)
        gold = render(GoldDocument.of(document).gold_answer(), answer)
        for text in (gold, "", GARBAGE):
            rows.append({**row_of(document, prompt), "completion_ids": text.encode()})
            completions.append(completion_of(text, prompt))
    return rows, completions


def try_rewards(
    rewards: Iterable[tuple[str, dict[str, Any]]],
    base: Path,
    rows: Sequence[Row],
    completions: Sequence[Completion],
    answer: AnswerFormat,
    injected: Mapping[str, Path | None] | None = None,
) -> None:
    """Load each reward (its name and arguments) and call it once, with what is injected.

    One that can't do without what isn't there yet, such as a trained model, is loaded and not called.

    Raises:
        UserError: one can't be loaded, refuses its arguments, raises, or gives what is no reward; the
            problems of all of them.
    """
    problems: list[Problem] = []
    for name, arguments in rewards:
        try:
            loaded = load_reward(name, base)
            given = with_injected(loaded, arguments, injected or {"base": base})
            function = bind(loaded, {"answer": answer, **given})
            if not missing_injected(loaded, given):
                call_reward(function, rows, completions, name=name)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(*problems)


def _refusal(name: str, *problems: Problem) -> UserError:
    return UserError(*(replace(problem, where=f"reward '{name}'") for problem in problems))


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


def _functions(module: ModuleType) -> list[str]:
    """What could be a reward of a module's own."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and not inspect.isclass(value) and value.__module__ == module.__name__
    ]


def _why(error: BaseException, source: Path | None, alone: bool) -> Problem:
    """Why a module can't be imported: ``file:line: Error: text``, and what to do about it."""
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError):
        return Problem("", f"can't be loaded: {Path(error.filename or '?').name}:{error.lineno}: {error.msg}")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if source is not None and Path(frame.filename) == source]
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}: " if own else ""
    hint = ""
    if alone and isinstance(error, ImportError) and source is not None:
        missing = (error.name or "").partition(".")[0]
        also_needs = missing and (
            (source.parent / f"{missing}.py").exists() or (source.parent / missing).is_dir()
        )
        hint = ALONE if also_needs or "relative import" in str(error) else ""
    return Problem("", f"can't be loaded: {place}{what}", hint)
