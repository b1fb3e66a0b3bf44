"""Tables of other people as they come: CSV or TSV, gzipped or not, with fields of any length."""

from __future__ import annotations

import csv
import gzip
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import Problem, UserError
from .suggest import nearest

_FILE_ERRORS = (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error)


def read_rows(
    path: Path, columns: Mapping[str, Collection[str]], optional: Mapping[str, Collection[str]] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with a header, each with its line (where it ends) and its values by our names.

    Args:
        columns: our name of a column → what it may be called in the file, case aside.
        optional: the same, for columns that may be absent; then a row has no such key.

    Raises:
        UserError: the file can't be read, a column is missing, or a row has another number of fields.
    """
    with text_file(path) as stream, _long_fields():
        number = 1
        try:
            first = stream.readline()
            delimiter = "\t" if "\t" in first else ","
            header = next(csv.reader([first], delimiter=delimiter), [])
            at = _places(path, header, columns, optional or {})
            for row in (rows := csv.reader(stream, delimiter=delimiter)):
                number = rows.line_num + 1
                if not row:
                    continue
                if len(row) != len(header):
                    raise UserError(
                        Problem(f"{path}:{number}", f"{len(row)} fields instead of {len(header)}")
                    )
                yield number, {name: row[place] for name, place in at.items()}
        except _FILE_ERRORS as error:
            raise UserError(Problem(f"{path}:{number}", f"can't be read: {_reason(error)}")) from None


def header(path: Path, delimiter: str) -> list[str]:
    """The names of a table's columns.

    Raises:
        UserError: the file can't be read.
    """
    with text_file(path) as stream:
        try:
            return next(csv.reader(stream, delimiter=delimiter), [])
        except _FILE_ERRORS as error:
            raise UserError(Problem(f"{path}:1", f"can't be read: {_reason(error)}")) from None


def file_bytes(path: Path) -> bytes:
    """What is in a file, unpacked if its name ends in ``.gz``.

    Raises:
        UserError: it can't be read.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except _FILE_ERRORS as error:
        raise UserError(Problem(str(path), f"can't be read: {_reason(error)}")) from None


@contextmanager
def text_file(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 file, unpacked if its name ends in ``.gz``; line ends stay as they are, a BOM goes.

    Raises:
        UserError: it can't be opened.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        stream = opener(path, "rt", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise UserError(Problem(str(path), f"can't be read: {_reason(error)}")) from None
    with stream:
        yield stream


def _places(
    path: Path,
    header: list[str],
    columns: Mapping[str, Collection[str]],
    optional: Mapping[str, Collection[str]],
) -> dict[str, int]:
    """Where our columns stand."""
    lowered = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}
    at: dict[str, int] = {}
    problems = []
    for name, spellings in {**columns, **optional}.items():
        found = next((lowered[one.lower()] for one in spellings if one.lower() in lowered), None)
        if found is not None:
            at[name] = found
        elif name in columns:
            near = nearest(next(iter(spellings)), lowered, 0.8)  # not all: the first line may be one of notes
            hint = f"did you mean '{near}'?" if near else ""
            problems.append(Problem(f"{path}:1", f"has no column {' or '.join(spellings)}", hint))
    if problems:
        raise UserError(*problems)
    return at


def _reason(error: BaseException) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Notes are longer than what the csv module takes for a field."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
