"""The records of a JSONL file one after the other, and what is wrong with each line."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import Problem, UserError
from ..suggest import nearest
from .seen import Seen

_FRAGMENT = "expected a fragment [start, end]"
_PLAIN = {  # pydantic's words, where they are about Python and not about JSON
    "model_type": "expected an object",
    "string_pattern_mismatch": "expected a code: up to 32 letters, digits and .+*/†-, the first no sign",
    "string_too_short": "is empty",
    "too_long": _FRAGMENT,
    "tuple_type": _FRAGMENT,
}

Record = TypeVar("Record", bound=BaseModel)
Check = Callable[[Record], Iterable[Problem]]


def scan_records(
    path: Path,
    kind: type[Record],
    check: Check[Record],
    ids_recur: bool = False,
    lines: Iterable[bytes] | None = None,
) -> Iterator[tuple[int, Record | None, list[Problem]]]:
    """Line by line: its number, its record if it can be read, and all that is wrong with it.

    Of what was read, about 24 bytes a record are kept, for ids that occur twice.

    Args:
        check: gives the problems of a record that its type can't find; ``where`` is filled in here.
        ids_recur: several records may have the same ``id``.
        lines: of the file, if it was read already.

    Raises:
        UserError: the file can't be read.
    """
    ids, first_line = Seen(), array("Q")
    for number, raw in enumerate(lines_of(path) if lines is None else lines, 1):
        if not raw.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = value_of(raw)
            record = kind.model_validate_json(raw, strict=True)
        except ValidationError as error:
            yield number, None, [replace(p, where=where) for p in _complaints(error, value, kind)]
            continue
        except ValueError as error:
            yield number, None, [Problem(where, str(error))]
            continue
        problems = [replace(problem, where=where) for problem in check(record)]
        identifier = getattr(record, "id", None)
        if identifier is not None and not ids_recur:
            at = ids.number(identifier)
            if at < len(first_line):
                problems.append(Problem(where, f"id '{identifier}' is already on line {first_line[at]}"))
            else:
                first_line.append(number)
        yield number, record, problems


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file as they are read. Only \\n ends one: JSON strings may hold U+2028 and its like."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream):
                line = line.removesuffix(b"\n")
                yield line if number else line.removeprefix(b"\xef\xbb\xbf")
    except FileNotFoundError:
        raise UserError(Problem(str(path), "there is no such file")) from None
    except OSError as error:
        raise UserError(Problem(str(path), f"can't be read: {error.strerror}")) from error


def value_of(raw: bytes) -> dict[str, Any]:
    """The JSON object on a line. Raises ValueError with the complaint."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once_each)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1} of the line") from None
    except UnicodeEncodeError:
        raise ValueError("a \\ud800-\\udfff escape without its pair, which is no character") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key '{next(name for name in names if names.count(name) > 1)}' is given twice")
    return made


def _no_constant(name: str) -> None:
    raise ValueError(f"not JSON: {name}")


def _complaints(error: ValidationError, value: dict[str, Any], kind: type[BaseModel]) -> Iterator[Problem]:
    """What is wrong with an object, in plain words, with the path of the key."""
    for detail in error.errors():
        missing, key = detail["type"] == "missing", detail["loc"]
        if missing and isinstance(key[-1], int):  # one of the two offsets
            yield Problem("", f"'{_path(key[:-1])}': {_FRAGMENT}", at=key)
        elif missing:
            near = nearest(_path(key), set(value) - set(kind.model_fields))
            yield Problem("", f"'{_path(key)}' is missing", f"did you mean '{near}'?" if near else "", key)
        else:
            plain = _PLAIN.get(detail["type"]) or detail["msg"][:1].lower() + detail["msg"][1:]
            yield Problem("", f"'{_path(key)}': {plain}", at=key)


def _path(key: tuple[int | str, ...]) -> str:
    """A key as a user would write it: annotations[0].code."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")
