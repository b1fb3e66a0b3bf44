"""Settings checked by pydantic, with what it finds said in plain words."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import Problem
from ..suggest import did_you_mean, shown
from .tree import Tree, Where

Settings = TypeVar("Settings", bound=BaseModel)

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a section of settings",
    "model_type": "a section of settings",
    "model_attributes_type": "a section of settings",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def validate(
    settings: type[Settings], value: Any, where: Where, tree: Tree, others: Iterable[str] = ()
) -> Settings | None:
    """The settings that ``value`` spells out, or None with the problems noted in ``tree``.

    Args:
        others: names that may stand beside the settings' own, for "did you mean".
    """
    before = len(tree.problems)
    if not isinstance(value, dict):
        tree.fail(where, f"should be a section of settings, not {shown(value)}")
        return None
    try:
        checked = settings.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        for problem in _explained(error, settings, value, list(others)):
            tree.add(where, problem)
        return None
    return checked if len(tree.problems) == before else None


def _explained(
    error: ValidationError, settings: type[BaseModel], value: Any, others: list[str]
) -> Iterable[Problem]:
    """A problem for each error; the branches of a union are taken together."""
    unions: dict[Where, list[tuple[Where, ErrorDetails]]] = {}
    for found in error.errors():
        path, union = _in_value(found["loc"], value)
        unions.setdefault(union if union is not None else path, []).append((path, found))
    for base, errors in unions.items():
        deepest = max(len(path) for path, _ in errors)
        if deepest > len(base):
            for path, found in errors:
                if len(path) > len(base):
                    yield _words(found, path, settings, value, others)
        elif len(errors) == 1:
            yield _words(errors[0][1], base, settings, value, others)
        else:
            expected = " or ".join(dict.fromkeys(_expected(found) or found["msg"] for _, found in errors))
            yield _unfit(expected, _at(value, base), base)


def _in_value(loc: tuple[int | str, ...], value: Any) -> tuple[Where, Where | None]:
    """The part of pydantic's location that lies in the value, and where a union forks, if one does."""
    path: list[int | str] = []
    union: Where | None = None
    for i, part in enumerate(loc):
        inside = isinstance(value, dict | list) and (
            part in value if isinstance(value, dict) else isinstance(part, int) and part < len(value)
        )
        if inside:
            value = value[part]
            path.append(part)
        elif i == len(loc) - 1 and isinstance(value, dict):
            path.append(part)
        elif union is None:
            union = tuple(path)
    return tuple(path), union


def _words(
    found: ErrorDetails, path: Where, settings: type[BaseModel], value: Any, others: list[str]
) -> Problem:
    kind, given = found["type"], _at(value, path)

    def problem(what: str, hint: str = "") -> Problem:
        return Problem("", what, hint, at=path)

    context = found.get("ctx", {})
    if kind == "extra_forbidden":
        known = others if len(path) == 1 else []
        return problem("unknown setting", did_you_mean(path[-1], [*known, *_names(settings, path[:-1])]))
    if kind == "missing":
        return problem("missing")
    if kind in ("value_error", "assertion_error"):
        return problem(str(context.get("error", found["msg"])))
    if kind in ("too_short", "string_too_short"):
        return problem("should not be empty" if not given else f"too short: {shown(given)}")
    if kind == "string_pattern_mismatch":
        return problem(f"should match the pattern {context['pattern']}, not {shown(given)}")
    expected = _expected(found)
    if expected is None:
        return problem(found["msg"].removeprefix("Input "))
    hint = "put it in quotes" if kind == "string_type" and isinstance(given, int | float) else ""
    return _unfit(expected, given, path, hint)


def _unfit(expected: str, given: Any, path: Where, hint: str = "") -> Problem:
    """The problem of a value of the wrong kind; null is what recipes leave for their users to set."""
    if given is None:
        return Problem("", "is null", f"set this: {expected}", at=path)
    return Problem("", f"should be {expected}, not {shown(given)}", hint, at=path)


def _expected(found: ErrorDetails) -> str | None:
    """What should stand there, in words."""
    words = _EXPECTED.get(found["type"])
    return words.format(**found.get("ctx", {})) if words else None


def _at(value: Any, path: Where) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _names(settings: type[BaseModel], path: Where) -> list[str]:
    """The names of the settings that may stand at ``path``."""
    models = [settings]
    for part in path:
        if isinstance(part, str) and any(_field(model, part) for model in models):
            fields = [field for model in models if (field := _field(model, part))]
            models = [inner for field in fields for inner in _models(field.annotation)]
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], name: str) -> Any:
    return next((f for n, f in model.model_fields.items() if name in (n, f.alias)), None)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]
