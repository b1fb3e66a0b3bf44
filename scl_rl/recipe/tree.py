"""YAML as plain values that remember where they were written."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import Problem, UserError
from ..errors import Where as Where

Place = tuple[int, int] | str
"""Where something was written: line and column of the file, from 1, or the text of an override."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_ALLOWED = {_TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but 1e-5 is a number and 2026-11-23 is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TAG + "timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _TAG + "float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


class Tree:
    """The values of a recipe, the place of each, and the problems found so far.

    Attributes:
        value: what the YAML says, as dicts with text keys, lists and scalars.
        places: where values were written.
        problems: in the order found; at most one for each place, and none inside a place that has one.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.places: dict[Where, Place] = {(): (1, 1)}
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
        return Problem(self.shown(self.place(where)), label + what, hint)

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
            loader = _Loader(text)
            try:
                node = loader.get_single_node()
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

    def __init__(self, tree: Tree, loader: _Loader, keep_lines: bool) -> None:
        self._tree, self._loader, self._keep_lines = tree, loader, keep_lines
        self._open: set[int] = set()

    def read(self, node: yaml.Node, where: Where) -> Any:
        """The value of a node, None where it has a problem."""
        if node.tag not in _ALLOWED:
            tag = node.tag.replace(_TAG, "!!")
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
            if key is None or key_node.tag != _TAG + "str":
                name = "this key" if key is None else f"the key {key}"
                self._mark((*where, str(key)), key_node)
                self._tree.fail((*where, str(key)), f"{name} is not text", "put it in quotes")
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
        text = _VARIABLE.sub(lambda found: self._variable(found, where), node.value)
        tag = node.tag
        if text != node.value:
            plain = (node.style is None, True)
            tag = self._loader.resolve(yaml.ScalarNode, text, plain)  # type: ignore[no-untyped-call]
        try:
            return self._loader.construct_object(yaml.ScalarNode(tag, text, node.start_mark))
        except (ValueError, KeyError):
            self._tree.fail(where, f"'{text}' is not a valid {tag.removeprefix(_TAG)}")
            return None

    def _variable(self, found: re.Match[str], where: Where) -> str:
        name, default = found[1], found[2]
        value = os.environ.get(name, default)
        if value is None:
            hint = f"set it, or give a default: ${{env:{name}:-...}}"
            self._tree.fail(where, f"the environment variable {name} is not set", hint)
            return ""
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
