"""Reading and writing JSONL: every mistake of a file is reported at once, with its line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..atomic import writing
from ..errors import Problem, UserError
from ..suggest import nearest
from .document_ids import DocumentIds
from .types import Annotation, Document, Fragment, Prediction, Span

MOST_PROBLEMS = 20
_FRAGMENT = "expected a fragment [start, end]"
_LEFT_OUT: Mapping[type[BaseModel], tuple[str, ...]] = {Document: ("annotations",), Span: ("fragments",)}
_PLAIN = {  # pydantic's words, where they are about Python and not about JSON
    "model_type": "expected an object",
    "string_pattern_mismatch": "expected a code: up to 32 letters, digits and .+*/†-, the first no sign",
    "string_too_short": "is empty",
    "too_long": _FRAGMENT,
    "tuple_type": _FRAGMENT,
}

Record = TypeVar("Record", bound=BaseModel)
Check = Callable[[Record], Iterable[Problem]]


def read_documents(path: Path, labelled: bool = False) -> list[Document]:
    """The documents of a file, in order.

    Args:
        labelled: all of them must have annotations, be they empty.

    Raises:
        UserError: the file can't be read or is empty, a line is not a document, an id occurs twice, a
            fragment lies outside its text; all of a file's mistakes, each with its line.
    """
    return read_records(path, Document, lambda d: _document_problems(d, labelled), "documents")


def read_spans(path: Path) -> list[Span]:
    """The spans of a file, in order. Raises as :func:`read_documents` does."""
    return read_records(path, Span, _span_problems, "spans")


def read_training(path: Path) -> tuple[list[Span], list[Document]]:
    """The spans or the documents of a file, whichever its first record is; the other list is empty.

    The file is read once, so it may be a pipe.

    Raises:
        UserError: as :func:`read_documents`.
    """
    lines = list(_lines(path))
    if _is_span(next((line for line in lines if line.strip()), b"")):
        return read_records(path, Span, lambda span: (), "spans", lines=lines), []
    return [], read_records(path, Document, _document_problems, "documents", lines=lines)


def _is_span(line: bytes) -> bool:
    """Whether a record has a code of its own; what can't be read is told later."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "code" in value


def read_predictions(
    path: Path, documents: Sequence[Document] | None = None, documents_path: Path | None = None
) -> list[Prediction]:
    """The predictions of a file, in order, checked against their documents if those are given.

    Args:
        documents_path: the documents' file, for messages.

    Raises:
        UserError: as :func:`read_documents`, but a file without predictions is good; and a prediction is
            for an unknown document, has a fragment outside its text, or another number of fragments than
            of quotes.
    """
    lengths = {document.id: len(document.text) for document in documents or ()}
    known = None if documents is None else DocumentIds(documents, documents_path)

    def check(prediction: Prediction) -> Iterator[Problem]:
        if known is not None:
            yield from known.problems(prediction.id)
        yield from _prediction_problems(prediction, lengths.get(prediction.id))

    return read_records(path, Prediction, check, "predictions", may_be_empty=True)


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file of our own that may have been cut off at any place; none without a file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of any JSONL file, each with the number of its line.

    Raises:
        UserError: the file can't be read, or a line is no object.
    """
    for number, raw in enumerate(_lines(path), 1):
        if raw.strip():
            try:
                yield number, _value(raw)
            except ValueError as error:
                raise UserError(Problem(f"{path}:{number}", str(error))) from None


def write_jsonl(path: Path, records: Iterable[BaseModel | Mapping[str, Any]]) -> None:
    """Write records one per line in UTF-8, the file as a whole or not at all.

    An unlabelled document is written without the key ``annotations``, a span that is all evidence without
    ``fragments``.

    Raises:
        UserError: the file can't be written.
        UnicodeEncodeError: a record holds a lone surrogate, which no UTF-8 file can.
    """
    with writing(path) as stream:
        stream.writelines(map(_line, records))


def append_jsonl(path: Path, record: BaseModel | Mapping[str, Any]) -> None:
    """Add one record to a file of our own, which is made if it is not there."""
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(_line(record))


def _line(record: BaseModel | Mapping[str, Any]) -> str:
    if isinstance(record, BaseModel):
        absent = {name for name in _LEFT_OUT.get(type(record), ()) if getattr(record, name) is None}
        record = record.model_dump(mode="json", exclude=absent or None)
    return json.dumps(record, ensure_ascii=False) + "\n"


def read_records(
    path: Path,
    kind: type[Record],
    check: Check[Record],
    name: str,
    may_be_empty: bool = False,
    ids_recur: bool = False,
    lines: Iterable[bytes] | None = None,
) -> list[Record]:
    """The records of a file, in order.

    Args:
        check: gives the problems of a record that its type can't find; ``where`` is filled in here.
        name: what the records are called in messages.
        may_be_empty: a file without records is good.
        ids_recur: several records may have the same ``id``.
        lines: of the file, if it was read already.

    Raises:
        UserError: the file can't be read, or any of its lines is wrong; all mistakes, each with its line.
    """
    problems: list[Problem] = []
    records: list[Record] = []
    for _, record, wrong in scan_records(path, kind, check, ids_recur, lines):
        problems += wrong
        if record is not None:
            records.append(record)
    if not records and not problems and not may_be_empty:
        problems.append(Problem(str(path), f"has no {name}"))
    if problems:
        more = len(problems) - MOST_PROBLEMS
        rest = [Problem(str(path), f"and {more} more mistakes")] if more > 0 else []
        raise UserError(*problems[:MOST_PROBLEMS], *rest)
    return records


def scan_training(path: Path) -> Iterator[tuple[int, Span | Document | None, list[Problem]]]:
    """Spans or documents, whichever the first record is, line by line as :func:`scan_records`.

    Raises:
        UserError: the file can't be read.
    """
    lines = _lines(path)
    begin: list[bytes] = []
    for line in lines:
        begin.append(line)
        if line.strip():
            break
    lines = itertools.chain(begin, lines)
    if begin and _is_span(begin[-1]):
        yield from scan_records(path, Span, lambda span: (), lines=lines)
    else:
        yield from scan_records(path, Document, _document_problems, lines=lines)


def scan_records(
    path: Path,
    kind: type[Record],
    check: Check[Record],
    ids_recur: bool = False,
    lines: Iterable[bytes] | None = None,
) -> Iterator[tuple[int, Record | None, list[Problem]]]:
    """Line by line: its number, its record if it can be read, and all that is wrong with it.

    Raises:
        UserError: the file can't be read.
    """
    first_line: dict[str, int] = {}
    for number, raw in enumerate(_lines(path) if lines is None else lines, 1):
        if not raw.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = _value(raw)
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
            if identifier in first_line:
                problems.append(
                    Problem(where, f"id '{identifier}' is already on line {first_line[identifier]}")
                )
            first_line.setdefault(identifier, number)
        yield number, record, problems


def _lines(path: Path) -> Iterator[bytes]:
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


def _value(raw: bytes) -> dict[str, Any]:
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


def _document_problems(document: Document, labelled: bool = False) -> Iterator[Problem]:
    # Unknown keys are kept, but this one misspelt would make a labelled note unlabelled.
    near = nearest("annotations", document.model_extra or (), 0.9)
    if document.annotations is None and near:
        yield Problem("", f"unknown key '{near}'", "did you mean 'annotations'?")
    elif document.annotations is None and labelled:
        hint = 'leave it out, or write "annotations": [] if it has no codes'
        yield Problem("", f"document '{document.id}' has no annotations", hint)
    for annotation in document.annotations or ():
        yield from _annotation_problems(annotation, len(document.text))


def _span_problems(span: Span) -> Iterator[Problem]:
    yield from _bad_fragments(span.code, span.fragments or (), len(span.text))


def _annotation_problems(annotation: Annotation, length: int) -> Iterator[Problem]:
    if annotation.mentions is None:
        return
    if not annotation.mentions:
        hint = "write null if its evidence was never annotated"
        yield Problem("", f"code {annotation.code} has no mentions", hint)
    for mention in annotation.mentions:
        if not mention:
            yield Problem("", f"code {annotation.code} has a mention without fragments")
        yield from _bad_fragments(annotation.code, mention, length)


def _bad_fragments(code: str, mention: Iterable[Fragment], length: int | None) -> Iterator[Problem]:
    """Fragments that can't be; None where the length of the text isn't known."""
    for start, end in mention:
        if start >= end:
            yield Problem("", f"code {code} has a fragment [{start}, {end}] that is empty or backwards")
        elif start < 0 or (length is not None and end > length):
            size = "" if length is None else f" of {length} characters"
            yield Problem("", f"code {code} has a fragment [{start}, {end}] outside the text{size}")


def _prediction_problems(prediction: Prediction, length: int | None) -> Iterator[Problem]:
    for predicted in prediction.codes:
        for mention in predicted.mentions:
            if mention.fragments is None:
                continue
            if len(mention.fragments) != len(mention.quotes):
                numbers = f"{len(mention.quotes)} quotes and {len(mention.fragments)} fragments"
                yield Problem("", f"code {predicted.code} has a mention with {numbers}")
            yield from _bad_fragments(predicted.code, mention.fragments, length)
