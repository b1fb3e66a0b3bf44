"""A text cut where marks begin and end, for whoever shows it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from .types import Fragment

Label = TypeVar("Label")


def marked(text: str, marks: Sequence[tuple[Fragment, Label]]) -> list[tuple[str, list[Label]]]:
    """The pieces of a text, each with the labels of the marks over it, in the order of the marks."""
    cuts = sorted({0, len(text), *(place for fragment, _ in marks for place in fragment)})
    return [
        (text[start:end], [label for (s, e), label in marks if s <= start and end <= e])
        for start, end in pairwise(cuts)
    ]
