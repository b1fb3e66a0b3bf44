"""Taking mentions out of their documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .types import Document, Fragment, Mention, Span

_WORD = re.compile(r"\S+")


def spans_of(documents: Iterable[Document], source: str, context: int = 0) -> list[Span]:
    """Every annotated mention as a span. Codes whose evidence was never annotated have none; mentions of
    white space alone are left out.

    Args:
        context: words to keep on either side, of the same line and up to the next code's evidence. Without
            any, a span is the words of the mention's fragments in order, white space collapsed; with some,
            it is a piece of the text, and its ``fragments`` say which words are evidence.
    """
    return [span for document in documents for span in _spans(document, source, context)]


def _spans(document: Document, source: str, context: int) -> Iterator[Span]:
    for annotation in document.annotations or ():
        others = [
            fragment
            for other in document.annotations or ()
            if other.code != annotation.code
            for mention in other.mentions or ()
            for fragment in mention
        ]
        for mention in annotation.mentions or ():
            words = " ".join(" ".join(document.text[start:end] for start, end in mention).split())
            if not words:
                continue
            fields = {"code": annotation.code, "system": annotation.system, "source": source}
            if not context:
                yield Span(text=words, **fields)
                continue
            first, last = _around(document.text, mention, others, context)
            fragments = [(start - first, end - first) for start, end in mention]
            yield Span(text=document.text[first:last], fragments=fragments, **fields)


def _around(text: str, mention: Mention, others: list[Fragment], words: int) -> Fragment:
    """The mention with so many words on either side."""
    start, end = min(s for s, _ in mention), max(e for _, e in mention)
    left = max(text.rfind("\n", 0, start) + 1, *(e for _, e in others if e <= start), 0)
    line_end = text.find("\n", end)
    right = min(len(text) if line_end < 0 else line_end, *(s for s, _ in others if s >= end), len(text))
    before = [match.start() + left for match in _WORD.finditer(text[left:start])]
    after = [match.end() + end for match in _WORD.finditer(text[end:right])]
    return (before[-words:] or [start])[0], (after[:words] or [end])[-1]
