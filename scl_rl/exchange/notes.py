"""Notes as people have them: JSONL, a text file, a folder of text files, standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import ValidationError

from ..corpus.jsonl import read_documents
from ..corpus.types import Document
from ..errors import Problem, UserError

STDIN = Path("-")


def read_notes(path: Path) -> list[Document]:
    """The notes at a path.

    A folder gives every ``.txt`` file in it and below, named after its path without the ending; a ``.txt``
    file one note; ``-`` what comes on standard input, JSON Lines if it begins with a brace, else one note
    named ``stdin``; anything else is read as ``documents.jsonl``. Line ends become ``\\n``.

    Raises:
        UserError: there is nothing, or it can't be read.
    """
    if path == STDIN:
        return _from_stdin()
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if file.is_file())
        if not files:
            hint = "put .txt files there, or name a JSONL file"
            raise UserError(Problem(str(path), "has no .txt files", hint))
        return [_note(file.relative_to(path).with_suffix("").as_posix(), file) for file in files]
    if path.suffix == ".txt":
        return [_note(path.stem, path)]
    return read_documents(path)


def _note(name: str, file: Path) -> Document:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(Problem(str(file), f"can't be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise UserError(Problem(str(file), f"not UTF-8 at byte {error.start + 1}")) from None
    return Document(id=name, text=_plain(text))


def _from_stdin() -> list[Document]:
    raw = sys.stdin.buffer.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(Problem("standard input", f"not UTF-8 at byte {error.start + 1}")) from None
    if not text.strip():
        raise UserError(Problem("standard input", "has no text", "pipe a note into it"))
    if not text.lstrip().startswith("{"):
        return [Document(id="stdin", text=_plain(text))]
    documents: dict[str, Document] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                document = Document.model_validate_json(line)
            except ValidationError:
                what = "not a document; for all its mistakes, write it to a file"
                raise UserError(Problem(f"standard input:{number}", what)) from None
            if documents.setdefault(document.id, document) is not document:
                what = f"the id '{document.id}' is there twice"
                raise UserError(Problem(f"standard input:{number}", what, "give each note its own"))
    return list(documents.values())


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
