"""Taking mentions out of their documents."""

from __future__ import annotations

from collections.abc import Iterable

from .types import Document, Span


def spans_of(documents: Iterable[Document], source: str) -> list[Span]:
    """Every annotated mention as a span: its fragments' words in order, white space collapsed.

    Codes whose evidence was never annotated have none; mentions of white space alone are left out.
    """
    found = []
    for document in documents:
        for annotation in document.annotations or ():
            for mention in annotation.mentions or ():
                words = " ".join(" ".join(document.text[start:end] for start, end in mention).split())
                if words:
                    found.append(
                        Span(text=words, code=annotation.code, system=annotation.system, source=source)
                    )
    return found
