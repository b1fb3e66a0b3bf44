"""Where a reward comes from, and what its module defines: found out without importing it."""

from __future__ import annotations

import ast
import enum
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import TypeAlias

from ..errors import Problem
from ..suggest import did_you_mean

GROUP = "scl_rl.rewards"
_AS_A_FILE = "a file is written ./my_reward.py:function"
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_HOPS = 4  # modules that a decorator may be handed on by


def reward_problem(name: str, base: Path) -> Problem | None:
    """What is wrong with a reward's name; None if it can be found."""
    if name in installed():
        return None
    place, colon, function = name.rpartition(":")
    if not colon:
        hint = did_you_mean(name, installed(), "rewards")
        return Problem("", f"there is no reward '{name}'", hint or _AS_A_FILE)
    if not function.isidentifier():
        return Problem("", f"'{function}' is not a function name", _AS_A_FILE)
    if is_file(place):
        path = base / Path(place).expanduser()
        if not path.is_file():
            return Problem("", f"there is no file {path}")
        return (
            None
            if path.suffix == ".py"
            else Problem("", f"{path} is not a Python file", "its name ends in .py")
        )
    if importlib.util.find_spec(place.split(".")[0]) is None:
        return Problem("", f"there is no module '{place}'", _AS_A_FILE)
    return None


def reward_source(name: str, base: Path) -> str:
    """What changes when the reward's source does: a hash of its file, else its distribution's version."""
    path = source_file(name, base)
    if path is not None:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    point = installed().get(name)
    if point is not None and point.dist is not None:
        return f"{point.dist.name} {point.dist.version}"
    try:
        return f"version {distribution(re.split('[.:]', name)[0]).version}"
    except PackageNotFoundError:
        return "unknown"


def source_file(name: str, base: Path) -> Path | None:
    """The file that defines a reward, or None if it has none or can't be found. Nothing is imported."""
    point = installed().get(name)
    place = point.value.partition(":")[0] if point else name.rpartition(":")[0]
    if point is None and is_file(place):
        path = base / Path(place).expanduser()
        return path if path.is_file() else None
    return module_file(place)


def module_file(module: str) -> Path | None:
    """The file of a module, by its dotted name; None if it has none or can't be found."""
    path = next((Path(s.origin) for s in _specs(module) if s.name == module and s.origin), None)
    return path if path is not None and path.is_file() else None


def is_file(place: str) -> bool:
    """Whether a reward is named by its file."""
    return place.endswith(".py") or "/" in place


@cache
def installed() -> dict[str, EntryPoint]:
    """The rewards of the entry-point group, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def _specs(module: str) -> Iterator[ModuleSpec]:
    """The specs of a module's packages and of the module itself, as far as they are found."""
    folders = None
    parts = module.split(".")
    for i in range(len(parts)):
        name = ".".join(parts[: i + 1])
        found = (finder.find_spec(name, folders) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None:
            return
        yield spec
        folders = spec.submodule_search_locations


class Definition(enum.Enum):
    """What is known of a name without a statement that defines it."""

    MISSING = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True)
class ModuleSource:
    """A module as it is written.

    Attributes:
        name: its dotted name; empty for a file that stands alone.
    """

    path: Path
    name: str
    tree: ast.Module

    @classmethod
    def read(cls, path: Path, name: str = "") -> ModuleSource:
        """Parse a file. Raises SyntaxError, ValueError or OSError if that can't be done."""
        return cls(path, name, ast.parse(path.read_bytes(), str(path)))

    def definition(self, name: str) -> ast.stmt | Definition:
        """The last statement that defines a name when the module is imported."""
        found = [statement for statement in self._statements if name in _defines(statement)]
        if found:
            return found[-1]
        stars = (isinstance(s, ast.ImportFrom) and s.names[0].name == "*" for s in self._statements)
        return Definition.UNKNOWN if any(stars) else Definition.MISSING

    def functions(self) -> list[str]:
        """The names of the functions that it defines."""
        return [s.name for s in self._statements if isinstance(s, Function)]

    def keeps_parameters(self, function: Function) -> bool:
        """Whether what a recipe can set is what is written here: each decorator says that it hands it on.

        It says so by its annotations: a ParamSpec of its argument's stands in what it returns.
        """
        return all(self._hands_on(decorator) for decorator in function.decorator_list)

    @cached_property
    def _statements(self) -> list[ast.stmt]:
        return list(_run_on_import(self.tree.body))

    def _hands_on(self, decorator: ast.expr) -> bool:
        found = self._resolved(decorator)
        if not isinstance(found, Function) or not found.args.args or found.returns is None:
            return False
        given = found.args.args[0].annotation
        return given is not None and bool(_param_specs(given) & _names(found.returns))

    def _resolved(self, expression: ast.expr, hops: int = _HOPS) -> ast.stmt | None:
        """The statement that defines what an expression like ``a`` or ``module.a`` names, wherever it is."""
        first, *rest = ast.unparse(expression).split(".")
        found = self.definition(first)
        if isinstance(found, ast.Import | ast.ImportFrom):
            return self._imported(found, first, rest, hops)
        return found if isinstance(found, ast.stmt) and not rest else None

    def _imported(
        self, statement: ast.Import | ast.ImportFrom, name: str, rest: list[str], hops: int
    ) -> ast.stmt | None:
        alias = next(a for a in statement.names if (a.asname or a.name.partition(".")[0]) == name)
        if isinstance(statement, ast.ImportFrom):
            dotted = [*self._from(statement), alias.name, *rest]
        else:
            dotted = [*(alias.name.split(".") if alias.asname else [name]), *rest]
        *module, wanted = dotted
        path = module_file(".".join(module)) if hops and module else None
        if path is None:
            return None
        try:
            return ModuleSource.read(path, ".".join(module))._resolved(ast.Name(wanted), hops - 1)
        except (SyntaxError, ValueError, OSError):
            return None

    def _from(self, statement: ast.ImportFrom) -> list[str]:
        """The dotted name of the module that a statement imports from."""
        below = statement.module.split(".") if statement.module else []
        if not statement.level:
            return below
        packages = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        return packages[: len(packages) - statement.level + 1] + below


def _run_on_import(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module that are run when it is imported."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                yield from _run_on_import(getattr(statement, field, ()))
            for handler in getattr(statement, "handlers", ()):
                yield from _run_on_import(handler.body)


def _defines(statement: ast.stmt) -> set[str]:
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return set()


def _names(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def _param_specs(annotation: ast.expr) -> set[str]:
    """The names that stand for a callable's parameters: ``P`` in Callable[P, R] and in Concatenate[A, P]."""
    found = set()
    for node in ast.walk(annotation):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
            continue
        name = ast.unparse(node.value).split(".")[-1]
        place = {"Callable": 0, "Concatenate": -1}.get(name)
        if place is not None and isinstance(node.slice.elts[place], ast.Name):
            found |= _names(node.slice.elts[place])
    return found
