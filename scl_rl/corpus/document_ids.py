"""Which documents there are, for files that name them by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import Problem
from ..suggest import nearest
from .types import Document


class DocumentIds:
    """The ids of documents, and what is wrong with one that is not among them.

    Args:
        path: the documents' file, for messages; None where it is none of the user's.
    """

    def __init__(self, documents: Iterable[Document], path: Path | None = None) -> None:
        self._known = {document.id for document in documents}
        self._where = "" if path is None else f" in {path}"
        self._suggested = False

    def problems(self, identifier: str) -> Iterator[Problem]:
        """One if there is no such document."""
        if identifier in self._known:
            return
        # Only the first gets a suggestion: looking through all ids takes a second for 50,000.
        near = None if self._suggested else nearest(identifier, self._known)
        self._suggested = True
        hint = f"did you mean '{near}'?" if near else ""
        yield Problem("", f"there is no document '{identifier}'{self._where}", hint)
