"""Reading and writing JSONL: every mistake of a file is reported at once, with its line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..atomic import writing
from ..errors import Problem, UserError
from ..suggest import nearest
from .document_ids import DocumentIds
from .lines import Check, Record, lines_of, scan_records, value_of
from .types import Annotation, Document, Fragment, Prediction, Span

MOST_PROBLEMS = 20  # that are told of a file; of the others, how many
_LEFT_OUT: Mapping[type[BaseModel], tuple[str, ...]] = {Document: ("annotations",), Span: ("fragments",)}


def read_documents(path: Path, labelled: bool = False) -> list[Document]:
    """The documents of a file, in order.

    Args:
        labelled: all of them must have annotations, be they empty.

    Raises:
        UserError: the file can't be read or is empty, a line is not a document, an id occurs twice, a
            fragment lies outside its text; all of a file's mistakes, each with its line.
    """
    return list(iter_documents(path, labelled))


def iter_documents(path: Path, labelled: bool = False, part: range | None = None) -> Iterator[Document]:
    """The documents of a file one after the other; see :func:`read_documents`.

    Args:
        part: the lines to read, counted from 0; they may have no document. Absent = all.

    Raises:
        UserError: as :func:`read_documents`, but only at the end of the file.
    """
    lines = None if part is None else itertools.islice(lines_of(path), part.start, part.stop)
    return iter_records(
        path,
        Document,
        lambda d: _document_problems(d, labelled),
        "documents",
        may_be_empty=part is not None,
        lines=lines,
    )


def number_of_lines(path: Path) -> int:
    """How many lines a file has, blank ones too.

    Raises:
        UserError: the file can't be read.
    """
    return sum(1 for _ in lines_of(path))


def read_spans(path: Path) -> list[Span]:
    """The spans of a file, in order. Raises as :func:`read_documents` does."""
    return list(iter_spans(path))


def iter_spans(path: Path) -> Iterator[Span]:
    """The spans of a file one after the other. Raises as :func:`iter_documents` does."""
    return iter_records(path, Span, _span_problems, "spans")


def read_training(path: Path) -> tuple[list[Span], list[Document]]:
    """The spans or the documents of a file, whichever its first record is; the other list is empty.

    The file is read once, so it may be a pipe.

    Raises:
        UserError: as :func:`read_documents`.
    """
    lines = list(lines_of(path))
    if _is_span(next((line for line in lines if line.strip()), b"")):
        return list(iter_records(path, Span, lambda span: (), "spans", lines=lines)), []
    return [], list(iter_records(path, Document, _document_problems, "documents", lines=lines))


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

    return list(iter_records(path, Prediction, check, "predictions", may_be_empty=True))


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
    for number, raw in enumerate(lines_of(path), 1):
        if raw.strip():
            try:
                yield number, value_of(raw)
            except ValueError as error:
                raise UserError(Problem(f"{path}:{number}", str(error))) from None


def write_jsonl(path: Path, records: Iterable[BaseModel | Mapping[str, Any]]) -> int:
    """Write records one per line in UTF-8, the file as a whole or not at all.

    An unlabelled document is written without the key ``annotations``, a span that is all evidence without
    ``fragments``.

    Returns:
        How many records there were.

    Raises:
        UserError: the file can't be written.
        UnicodeEncodeError: a record holds a lone surrogate, which no UTF-8 file can.
    """
    written = 0
    with writing(path) as stream:
        for record in records:
            stream.write(_line(record))
            written += 1
    return written


def append_jsonl(path: Path, record: BaseModel | Mapping[str, Any]) -> None:
    """Add one record to a file of our own, which is made if it is not there."""
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(_line(record))


def _line(record: BaseModel | Mapping[str, Any]) -> str:
    if isinstance(record, BaseModel):
        absent = {name for name in _LEFT_OUT.get(type(record), ()) if getattr(record, name) is None}
        record = record.model_dump(mode="json", exclude=absent or None)
    return json.dumps(record, ensure_ascii=False) + "\n"


def iter_records(
    path: Path,
    kind: type[Record],
    check: Check[Record],
    name: str,
    may_be_empty: bool = False,
    ids_recur: bool = False,
    lines: Iterable[bytes] | None = None,
) -> Iterator[Record]:
    """The records of a file one after the other.

    Args:
        check: gives the problems of a record that its type can't find; ``where`` is filled in here.
        name: what the records are called in messages.
        may_be_empty: a file without records is good.
        ids_recur: several records may have the same ``id``.
        lines: of the file, if it was read already.

    Raises:
        UserError: the file can't be read, or any of its lines is wrong; all mistakes, each with its line.
            Only at the end: the good records come first.
    """
    problems: list[Problem] = []
    wrong = records = 0
    for _, record, found in scan_records(path, kind, check, ids_recur, lines):
        wrong += len(found)
        problems += found[: MOST_PROBLEMS - len(problems)]
        if record is not None:
            records += 1
            yield record
    if not records and not wrong and not may_be_empty:
        problems.append(Problem(str(path), f"has no {name}"))
    if problems:
        more = wrong - len(problems)
        rest = [Problem(str(path), f"and {more} more mistakes")] if more > 0 else []
        raise UserError(*problems, *rest)


def scan_training(path: Path) -> Iterator[tuple[int, Span | Document | None, list[Problem]]]:
    """Spans or documents, whichever the first record is, line by line as :func:`scan_records`.

    Raises:
        UserError: the file can't be read.
    """
    lines = lines_of(path)
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
