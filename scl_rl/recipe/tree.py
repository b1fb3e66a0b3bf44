"""YAML as plain values that remember where they were written."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import Problem, UserError
from ..errors import Where as Where
from ..suggest import shown
from .yaml12 import MAX_NUMBER, MAX_VALUES, TAG, Loader, number_of_values

Place = tuple[int, int] | str
"""Where something was written: line and column of the file, from 1, or the text of an override."""

_MERGE = TAG + "merge"
_ALLOWED = {TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SHORT = 4  # characters: shorter values of variables are hidden only in messages about their own place


@dataclass(frozen=True)
class Variable:
    """A scalar with ``${env:NAME}`` in it: as written, and as it reads with the variables' values."""

    written: str
    value: Any


class Tree:
    """The values of a recipe, the place of each, and the problems found so far.

    Attributes:
        value: what the YAML says, as dicts with text keys, lists and scalars.
        places: where values were written.
        variables: the scalars that come from the environment.
        problems: in the order found; at most one for each place, and none inside a place that has one.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.places: dict[Where, Place] = {(): (1, 1)}
        self.variables: dict[Where, Variable] = {}
        self._hidden: dict[str, str] = {}  # value of a variable → its name as written
        self._found: dict[Where, tuple[tuple[float, float], Problem]] = {}

    @property
    def problems(self) -> list[Problem]:
        """Every problem, in the order of the file."""
        return [problem for _, problem in sorted(self._found.values(), key=lambda found: found[0])]

    def fail(self, where: Where, what: str, hint: str = "") -> None:
        """Note a problem of the value at ``where``, unless it, or what it is part of, has one already."""
        if any(where[: len(known)] == known for known in self._found):
            return
        order = (math.inf, math.inf) if isinstance(place := self.place(where), str) else place
        self._found[where] = (order, self.problem(where, what, hint))

    def add(self, where: Where, problem: Problem) -> None:
        """Note a problem of the value at ``where``, or of the part of it that ``problem.at`` leads to."""
        self.fail((*where, *problem.at), problem.what, problem.hint)

    def problem(self, where: Where, what: str, hint: str = "") -> Problem:
        """A problem of the value at ``where``, not noted."""
        label = f"at {'.'.join(map(str, where))}: " if where else ""
        what, hint = self._without_secrets(what, where), self._without_secrets(hint, where)
        return Problem(self.shown(self.place(where)), label + what, hint)

    def hide(self, value: str, name: str) -> None:
        """Show a variable's name in place of its value in every message from now on."""
        self._hidden[value] = name

    def _without_secrets(self, text: str, where: Where) -> str:
        """A message in which values from the environment are named, not shown."""
        hidden = {value: name for value, name in self._hidden.items() if len(value) >= _SHORT}
        for place, variable in self.variables.items():
            if place[: len(where)] == where or where[: len(place)] == place:
                hidden |= dict.fromkeys((shown(variable.value), str(variable.value)), variable.written)
                hidden |= {value: name for value, name in self._hidden.items() if name in variable.written}
        for value in sorted(filter(None, hidden), key=len, reverse=True):
            before, after = (
                r"(?<!\w)" if value[0].isalnum() else "",
                r"(?!\w)" if value[-1].isalnum() else "",
            )
            text = re.sub(before + re.escape(value) + after, lambda _, name=hidden[value]: name, text)  # type: ignore[misc]
        return text

    def spoilt(self, where: Where) -> bool:
        """Whether a problem is noted of the value at ``where``, of a part of it or of what it is part of."""
        return any(known[: len(where)] == where or where[: len(known)] == known for known in self._found)

    def place(self, where: Where) -> Place:
        """Where the value was written, or the nearest that it is part of."""
        return next(self.places[where[:n]] for n in range(len(where), -1, -1) if where[:n] in self.places)

    def shown(self, place: Place) -> str:
        """A place as messages name it: ``file:line:column``, or the override."""
        return place if isinstance(place, str) else f"{self.file}:{place[0]}:{place[1]}"

    def put(self, where: Where, value: Any, place: str) -> None:
        """Set the value at ``where``, in a section or list that exists; it was written at ``place``."""
        self.places = {known: at for known, at in self.places.items() if known[: len(where)] != where}
        self._found = {known: at for known, at in self._found.items() if known[: len(where)] != where}
        self.variables = {known: it for known, it in self.variables.items() if known[: len(where)] != where}
        self.places[where] = place
        holder = self.value
        for part in where[:-1]:
            holder = holder[part]
        holder[where[-1]] = value

    def load(self, text: str) -> None:
        """Read a whole document.

        Raises:
            UserError: the text is not YAML.
        """
        self.value = self.parse(text, (), keep_lines=True)

    def parse(self, text: str, where: Where, keep_lines: bool = False) -> Any:
        """The value of a YAML text; places are kept if the text is the file itself.

        Raises:
            UserError: the text is not YAML.
        """
        try:
            loader = Loader(text)
            try:
                node = loader.get_single_node()
                if node is not None and number_of_values(node) > MAX_VALUES:
                    what = f"has more than {MAX_VALUES:,} values, aliases (*name) followed"
                    raise UserError(self._syntax(where, (1, 1), what))
                return None if node is None else _Reader(self, loader, keep_lines).read(node, where)
            finally:
                loader.dispose()
        except RecursionError:
            raise UserError(self._syntax(where, (1, 1), "not a recipe: nested too deeply")) from None
        except yaml.MarkedYAMLError as error:
            endless = "end of stream" in str(error.problem)  # then where it began says more
            mark = (endless and error.context_mark) or error.problem_mark
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = " ".join(part for part in (error.context, error.problem) if part)
            raise UserError(self._syntax(where, place, f"not valid YAML: {what}")) from None
        except yaml.reader.ReaderError as error:
            what = f"not valid YAML: the character U+{int(error.character):04X} is not allowed"
            raise UserError(self._syntax(where, place_in(text, error.position), what)) from None

    def _syntax(self, where: Where, place: tuple[int, int], what: str) -> Problem:
        known = self.places.get(where)
        return Problem(self.shown(known if isinstance(known, str) else place), what)


class _Reader:
    """Turns the nodes of one YAML text into values."""

    def __init__(self, tree: Tree, loader: Loader, keep_lines: bool) -> None:
        self._tree, self._loader, self._keep_lines = tree, loader, keep_lines
        self._open: set[int] = set()

    def read(self, node: yaml.Node, where: Where) -> Any:
        """The value of a node, None where it has a problem."""
        if node.tag not in _ALLOWED:
            tag = node.tag.replace(TAG, "!!")
            self._tree.fail(where, f"the tag {tag} is not allowed", "recipes are plain YAML")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._open:
            self._tree.fail(where, "an anchor that contains itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, where)
            return [self._marked(item, (*where, i), item) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mark(self, where: Where, node: yaml.Node) -> None:
        if self._keep_lines:
            self._tree.places[where] = (node.start_mark.line + 1, node.start_mark.column + 1)

    def _marked(self, node: yaml.Node, where: Where, mark: yaml.Node) -> Any:
        self._mark(where, mark)
        return self.read(node, where)

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    value = self.read(source, where)
                    if isinstance(value, dict):
                        merged = value | merged
                    else:
                        self._tree.fail((*where, "<<"), "only a section can be merged")
                continue
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag != TAG + "str":
                name = "a key that is a list or a section" if key is None else f"the key {key}"
                at = (*where, str(key)) if key else where
                if key:
                    self._mark(at, key_node)
                self._tree.fail(at, f"{name or 'an empty key'} is not text", "put it in quotes")
            elif key in own:
                self._mark((*where, key), key_node)
                self._tree.fail(
                    (*where, key), f"given twice, first on line {lines[key]}", "remove one of them"
                )
            else:
                own[key] = self._marked(value_node, (*where, key), key_node)
                lines[key] = key_node.start_mark.line + 1
        return merged | own

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Any:
        names: list[str] = []
        text = _VARIABLE.sub(lambda found: self._variable(found, where, names), node.value)
        tag = node.tag
        if text != node.value:
            plain = (node.style is None, True)
            tag = self._loader.resolve(yaml.ScalarNode, text, plain)  # type: ignore[no-untyped-call]
        if names:
            self._tree.variables[where] = Variable(node.value, text)
        try:
            value = self._loader.construct_object(yaml.ScalarNode(tag, text, node.start_mark))
        except (ValueError, KeyError):
            self._tree.fail(where, f"{shown(text)} is not a valid {tag.removeprefix(TAG)}")
            return None
        if names:
            self._tree.variables[where] = Variable(node.value, value)
        if isinstance(value, float) and not math.isfinite(value):
            self._tree.fail(where, f"should be a finite number, not {text[:60]}")
            return None
        if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
            self._tree.fail(where, f"should be a number between -1e30 and 1e30, not {text[:60]}")
            return None
        return value

    def _variable(self, found: re.Match[str], where: Where, names: list[str]) -> str:
        name, default = found[1], found[2]
        value = os.environ.get(name, default)
        if value is None:
            hint = f"set it, or give a default: ${{env:{name}:-...}}"
            self._tree.fail(where, f"the environment variable {name} is not set", hint)
            return ""
        if name in os.environ:
            names.append(name)
            self._tree.hide(value, f"${{env:{name}}}")
        return value


def place_in(text: str, position: int) -> tuple[int, int]:
    """Line and column of a position in a text, both from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def read_text(path: Path, shown: str) -> str:
    """The text of a recipe file.

    Raises:
        UserError: the file can't be read or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig")
        line, column = place_in(before, len(before))
        problem = Problem(f"{shown}:{line}:{column}", "not UTF-8 text", "save the file as UTF-8")
        raise UserError(problem) from None
    except OSError as error:
        raise UserError(Problem(shown, f"can't be read: {error.strerror}")) from None
