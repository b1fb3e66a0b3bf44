"""The fields of TRL's and peft's settings: their types, their defaults, and what does not fit them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any

from ...errors import Problem
from ...suggest import did_you_mean
from ...upstream.fields import ENUMS, LOSSES, config_fields_of, loss_types, members

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "text"),
    "None": ((type(None),), "null"),
    "list": ((list,), "a list"),
    "dict": ((dict,), "a section of settings"),
}

Kinds = tuple[tuple[str, ...], tuple[str, ...]]
"""What a field takes: keys of the table of types, and words of which it takes any."""


@cache
def config_types(which: str) -> dict[str, str]:
    """Field name → annotation as written, for "sft", "dpo", "grpo" (TRL) or "lora" (peft).

    Empty if the library is not installed or keeps its settings elsewhere: then nothing is checked.
    """
    return {name: annotation for name, annotation, _ in config_fields_of(which)}


def config_fields(which: str) -> frozenset[str]:
    """The field names of "sft", "dpo", "grpo" (TRL) or "lora" (peft); empty if they can't be found."""
    return frozenset(config_types(which))


@cache
def config_defaults(which: str) -> dict[str, Any]:
    """Field name → the library's own default, for the fields that have a plain value as default."""
    found = {}
    for name, _, value in config_fields_of(which):
        if isinstance(value, ast.Call):
            given = {keyword.arg: keyword.value for keyword in value.keywords}
            value = given.get("default")
        try:
            found[name] = ast.literal_eval(value) if value is not None else None
        except ValueError:
            found.pop(name, None)
    return found


@cache
def config_kinds(which: str, name: str) -> Kinds | None:
    """What a field takes, None if its annotation does not say it plainly."""
    try:
        annotation = ast.parse(config_types(which).get(name, ""), mode="eval").body
    except SyntaxError:
        return None
    leaves = list(_leaves(annotation))
    types: list[str] = []
    words: list[str] = []
    for leaf in leaves:
        text = ast.unparse(leaf)
        if isinstance(leaf, ast.Subscript) and ast.unparse(leaf.value) == "Literal":
            words += [str(part.value) for part in ast.walk(leaf.slice) if isinstance(part, ast.Constant)]
        elif text in ENUMS:
            words += members(text)
        elif (plain := text.partition("[")[0]) in _TYPES:
            types.append(plain)
        else:
            return None
    if name == "loss_type" and which in LOSSES:
        words += loss_types(which)
    if words and "str" in types:
        types.remove("str")
    return tuple(types), tuple(words)


def field_problem(which: str, name: str, value: object, shown: str) -> Problem | None:
    """The problem of a field's value, ``at`` the field, if the value certainly does not fit.

    Args:
        shown: the value as a message shows it.
    """
    kinds = config_kinds(which, name)
    if kinds is None or _fits(value, *kinds):
        return None
    types, words = kinds
    strange = [part for part in (value if isinstance(value, list) else [value]) if part not in words]
    if words and strange and isinstance(strange[0], str):
        hint = did_you_mean(strange[0], words, "one of")
        return Problem("", f"there is no {name} '{strange[0]}'", hint, at=(name,))
    expected = " or ".join([*(_TYPES[kind][1] for kind in types), *map(repr, words)][:6])
    if value is None:
        return Problem("", "is null", f"set this: {expected}", at=(name,))
    return Problem("", f"should be {expected}, not {shown}", at=(name,))


def _fits(value: object, types: tuple[str, ...], words: tuple[str, ...]) -> bool:
    if words and isinstance(value, str):
        return value in words
    if words and isinstance(value, list) and any(part not in words for part in value):
        return False
    return any(
        isinstance(value, _TYPES[kind][0]) and (kind == "bool" or not isinstance(value, bool))
        for kind in types
    )


def _leaves(annotation: ast.expr) -> Iterator[ast.expr]:
    """The alternatives of an annotation."""
    if isinstance(annotation, ast.BinOp):
        yield from _leaves(annotation.left)
        yield from _leaves(annotation.right)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("Optional", "Union"):
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        for part in inner:
            yield from _leaves(part)
        if ast.unparse(annotation.value) == "Optional":
            yield ast.Constant(None)
    else:
        yield annotation
