"""Completions from a file, with the documents that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictInt

from ..answer.prompt import prompt_for
from ..answer.settings import PromptSettings
from ..corpus.document_ids import DocumentIds
from ..corpus.jsonl import iter_records
from ..corpus.types import Document
from .notes import Note


class LoggedCompletion(BaseModel):
    """One completion. ``step``, ``group`` and ``reward`` are there if it was logged in training."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1)
    completion: str
    reward: FiniteFloat | None = None
    step: StrictInt | None = None
    group: StrictInt | str | None = None


def read_completions(
    path: Path, documents: Sequence[Document], documents_path: Path | None = None
) -> list[LoggedCompletion]:
    """The completions of a file, in order; an id may occur several times.

    Args:
        documents_path: the documents' file, for messages.

    Raises:
        UserError: the file can't be read or is empty, a line is no completion or is about an unknown
            document; all mistakes, each with its line.
    """
    known = DocumentIds(documents, documents_path)
    return list(
        iter_records(path, LoggedCompletion, lambda c: known.problems(c.id), "completions", ids_recur=True)
    )


def notes_by_id(
    documents: Iterable[Document], wanted: Iterable[str], prompt: PromptSettings
) -> dict[str, Note]:
    """The documents that are wanted, made ready."""
    ids = set(wanted)
    return {
        document.id: Note(document, prompt_for(document.text, prompt.template, prompt.chat))
        for document in documents
        if document.id in ids
    }
