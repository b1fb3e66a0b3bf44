"""YAML 1.2 by PyYAML, which reads YAML 1.1: there ``on`` is true, ``010`` is eight and ``1:30`` is ninety."""

from __future__ import annotations

import re
from typing import Any

import yaml

TAG = "tag:yaml.org,2002:"
MAX_VALUES = 1_000_000
"""How many values a recipe may have, those counted again that aliases repeat."""
MAX_NUMBER = 1e30
"""How large a number may be: products of several must not overflow."""
MAX_DEPTH = 100
"""How deep values may be nested: PyYAML's time grows with the square of it."""

_RESOLVERS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", "<"),
}


class Loader(yaml.SafeLoader):
    """Reads one document into nodes; scalars are numbers, truth values and null where YAML 1.2 has them."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node.

        Raises:
            RecursionError: it is nested deeper than :data:`MAX_DEPTH`.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RecursionError
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class Dumper(yaml.SafeDumper):
    """Writes so that :class:`Loader`, and readers of YAML 1.1 too, read the same values."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: list(resolvers) for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value where it stands."""
        return True


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


for _kind, (_pattern, _first) in _RESOLVERS.items():
    for _class in (Loader, Dumper):
        _class.add_implicit_resolver(TAG + _kind, re.compile(f"^(?:{_pattern})$"), list(_first))
Loader.add_constructor(TAG + "int", _int)


def number_of_values(node: yaml.Node) -> int:
    """How many values a node stands for, all that its aliases repeat counted; found in linear time.

    An anchor that contains itself counts once in itself.
    """
    counts: dict[int, int] = {}
    stack: list[tuple[yaml.Node, bool]] = [(node, False)]
    while stack:
        current, finished = stack.pop()
        parts = _parts(current)
        if finished:
            counts[id(current)] = 1 + sum(counts[id(part)] for part in parts)
        elif id(current) not in counts:
            counts[id(current)] = 1
            stack.append((current, True))
            stack += [(part, False) for part in parts]
    return counts[id(node)]


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
