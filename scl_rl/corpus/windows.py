"""Cutting long documents into windows of whole sentences, and putting window predictions back together."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .types import Annotation, Document, Fragment, PredictedCode, PredictedMention, Prediction

# A sentence ends at a line break, or at . ! ? followed by white space and what can start a sentence.
_END = re.compile(r"\n+|[.!?][\"')\]]*[ \t]+(?=[\"'(\[¿¡]*[A-ZÁÉÍÓÚÑÜ0-9])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:dr|dra|mr|mrs|ms|prof|st|vs|no|nº|fig|sr|sra|aprox|approx|etc|e\.g|i\.e)\.$", re.I
)
_Piece = tuple[int, int, int]  # start, end, length
MOST_CHARACTERS = 16  # that one unit of a window's limit may stand for
_LAST_SPACE = re.compile(r"\s(?=\S*$)")


@dataclass(frozen=True)
class Window:
    """A run of whole sentences of a document: ``text`` is the document's text from ``start`` to ``end``.

    ``annotations`` have offsets into ``text``; None where the document is unlabelled, or where codes
    can't be told apart by window.
    """

    document_id: str
    index: int
    start: int
    end: int
    text: str
    annotations: list[Annotation] | None

    def as_document(self) -> Document:
        """The window as a document of its own, with the id ``document#index``."""
        return Document(id=f"{self.document_id}#{self.index}", text=self.text, annotations=self.annotations)


def sentences(text: str) -> list[Fragment]:
    """Sentences as ``(start, end)``; one after the other they are the whole text."""
    ends = [
        match.end()
        for match in _END.finditer(text)
        if match.group().startswith("\n")
        or not _ABBREVIATION.search(text, max(0, match.start() - 8), match.start() + 1)
    ]
    bounds = [0, *(end for end in ends if end < len(text)), len(text)]
    return [(start, end) for start, end in pairwise(bounds) if start < end] or [(0, len(text))]


def split_windows(
    document: Document,
    limit: int,
    length: Callable[[str], int] = len,
    whole_mentions: bool = False,
    overlap: int = 0,
) -> list[Window]:
    """Windows of whole sentences, each as long as fits into ``limit``; together they are the document.

    A sentence that is too long by itself is cut at white space, or anywhere if it has none; a single
    character that is too long is a window all the same. Mentions wholly inside a window go with it; one
    that crosses windows is in none (see :func:`lost_mentions`). A code whose evidence was never annotated
    may be anywhere: a document with one keeps its annotations only if it is a single window.

    Args:
        limit: the most that ``length`` of a window's text may be, at least 1.
        length: characters by default; or a count of tokens, which should grow with the text.
        whole_mentions: cut where no mention is split, if there is such a place: at an earlier sentence end,
            else before a mention, else after it. For training only: where gold is to be predicted, cuts must
            not tell of it.
        overlap: how much of a window the next one repeats at most, in whole sentences; not with
            ``whole_mentions``.
    """
    if length(document.text) <= limit:
        return [Window(document.id, 0, 0, len(document.text), document.text, document.annotations)]
    # A mention that no window can hold is split wherever the cuts are.
    hulls = (
        [h for h in _hulls(document) if length(document.text[h[0] : h[1]]) <= limit] if whole_mentions else []
    )
    return [
        Window(document.id, index, start, end, document.text[start:end], _inside(document, start, end))
        for index, (start, end) in enumerate(_runs(document.text, limit, length, hulls, overlap))
    ]


def _hulls(document: Document) -> list[Fragment]:
    """From where to where each mention goes."""
    mentions = [m for annotation in document.annotations or () for m in annotation.mentions or ()]
    return sorted({_hull(mention) for mention in mentions})


def _runs(
    text: str, limit: int, length: Callable[[str], int], hulls: Sequence[Fragment], overlap: int
) -> Iterator[Fragment]:
    """As many pieces at a time as fit, cut outside of the hulls if possible.

    A window that ends anywhere safe leaves the next one all safe places that a later end would, so no hull
    is split that any cuts could spare. Counting is what costs: once a piece, and once a run.
    """
    pieces = deque(_pieces(text, limit, length))
    while pieces:
        run = [pieces.popleft()]
        start, _, size = run[0]
        while pieces and (size := size + pieces[0][2]) <= limit:
            run.append(pieces.popleft())
        # Counted in tokens, lengths add up only roughly: the sum decides, the count verifies.
        while len(run) > 1 and length(text[start : run[-1][1]]) > limit:
            pieces.appendleft(run.pop())
        end = run[-1][1]
        if pieces and hulls:
            cut, after = _spared(run, hulls)
            if after and length(text[start:cut]) > limit:
                cut = end
            pieces.extendleft(reversed(run))
            while pieces and pieces[0][1] <= cut:
                pieces.popleft()
            if pieces and pieces[0][0] < cut:
                _, last, _ = pieces.popleft()
                pieces.appendleft((cut, last, length(text[cut:last])))
            end = cut
        elif pieces:
            pieces.extendleft(_repeated(text, run, pieces[0], limit, length, overlap))
        yield start, end


def _repeated(
    text: str, run: Sequence[_Piece], new: _Piece, limit: int, length: Callable[[str], int], overlap: int
) -> Iterator[_Piece]:
    """The pieces of a window that the next one repeats, from the last; the new piece fits beside them."""
    for piece in reversed(run[1:]):
        if length(text[piece[0] : run[-1][1]]) > overlap or length(text[piece[0] : new[1]]) > limit:
            return
        yield piece


def _spared(run: Sequence[_Piece], hulls: Sequence[Fragment]) -> tuple[int, bool]:
    """Where to end a window of some pieces so that no hull is split, and whether that is after their end."""
    start, end = run[0][0], run[-1][1]
    before = _outside(end, hulls, min, 0)
    if before > start:
        safe = [piece[1] for piece in run if _outside(piece[1], hulls, min, 0) == piece[1]]
        return safe[-1] if safe else before, False
    return _outside(end, hulls, max, 1), True


def _outside(
    position: int, hulls: Sequence[Fragment], furthest: Callable[[Iterable[int]], int], side: int
) -> int:
    """The nearest place on one side of a position, 0 or 1, that is inside no hull."""
    while inside := [hull[side] for hull in hulls if hull[0] < position < hull[1]]:
        position = furthest(inside)
    return position


def _pieces(text: str, limit: int, length: Callable[[str], int]) -> Iterator[_Piece]:
    """Sentences, and the parts of those that are too long, as ``(start, end, length)``."""

    def measure(start: int, end: int) -> int:
        # What is far too long isn't counted as a whole, or a huge sentence would cost its length squared.
        return limit + 1 if end - start > MOST_CHARACTERS * limit else length(text[start:end])

    for start, end in sentences(text):
        while (size := measure(start, end)) > limit:
            low, high = start + 1, min(end, start + MOST_CHARACTERS * limit)
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if length(text[start:middle]) <= limit else (low, middle - 1)
            space = _LAST_SPACE.search(text, start, low)
            cut = space.end() if space and space.end() > start else low
            yield start, cut, length(text[start:cut])
            start = cut
        if start < end:
            yield start, end, size


def _inside(document: Document, start: int, end: int) -> list[Annotation] | None:
    if document.annotations is None or any(a.mentions is None for a in document.annotations):
        return None
    found = []
    for annotation in document.annotations:
        mentions = [
            [(s - start, e - start) for s, e in mention]
            for mention in annotation.mentions or ()
            if all(start <= s and e <= end for s, e in mention)
        ]
        if mentions:
            found.append(annotation.model_copy(update={"mentions": mentions}))
    return found


def lost_mentions(document: Document, windows: Sequence[Window]) -> int:
    """How many mentions of a document are in none of its windows: they cross cuts."""
    return sum(
        not any(window.start <= start and end <= window.end for window in windows)
        for annotation in document.annotations or ()
        for mention in annotation.mentions or ()
        for start, end in [_hull(mention)]
    )


def merge_windows(document_id: str, read: Sequence[tuple[Window, Prediction]], votes: int = 1) -> Prediction:
    """One prediction from those of a document's windows, with offsets into the document.

    Codes come in order of first appearance, each with its mentions from all windows, exact duplicates once,
    and with its highest confidence, if the predictions have such.

    Args:
        votes: how many of the windows that hold the place of a mention have to cite the code for words that
            overlap with it; all of them, where they are fewer. A code that loses all its mentions is left
            out. Quotes that are not in the note have no place, and stay.
    """
    counted = read if votes > 1 else ()
    ballots = [(window, _places(prediction, window.start)) for window, prediction in counted]
    codes: dict[str, PredictedCode] = {}
    outvoted: set[str] = set()
    for window, prediction in read:
        for predicted in prediction.codes:
            moved = [_moved(mention, window.start) for mention in predicted.mentions]
            kept = [m for m in moved if _elected(predicted.code, m, ballots, votes)]
            if moved and not kept:
                outvoted.add(predicted.code)
            merged = codes.setdefault(predicted.code, predicted.model_copy(update={"mentions": []}))
            if (sure := _confidence(predicted)) > _confidence(merged):
                merged = codes[predicted.code] = merged.model_copy(update={"confidence": sure})
            for mention in kept:
                if mention not in merged.mentions:
                    merged.mentions.append(mention)
    malformed = sum(prediction.malformed for _, prediction in read)
    left = [code for code in codes.values() if code.mentions or code.code not in outvoted]
    return Prediction(id=document_id, codes=left, malformed=malformed)


def _places(prediction: Prediction, by: int) -> set[tuple[str, Fragment]]:
    """Each code with where its mentions are in the document."""
    located = [(c.code, _moved(m, by).fragments) for c in prediction.codes for m in c.mentions]
    return {(code, _hull(fragments)) for code, fragments in located if fragments}


def _elected(
    code: str,
    mention: PredictedMention,
    ballots: Sequence[tuple[Window, set[tuple[str, Fragment]]]],
    votes: int,
) -> bool:
    if votes == 1 or not mention.fragments:
        return True
    start, end = _hull(mention.fragments)
    asked = [places for window, places in ballots if window.start <= start and end <= window.end]
    for_it = sum(any(c == code and s < end and start < e for c, (s, e) in places) for places in asked)
    return for_it >= min(votes, len(asked))


def _hull(mention: Iterable[Fragment]) -> Fragment:
    """From where to where a mention goes."""
    starts, ends = zip(*mention, strict=True)
    return min(starts), max(ends)


def _confidence(code: PredictedCode) -> float:
    return float((code.model_extra or {}).get("confidence", -1))


def _moved(mention: PredictedMention, by: int) -> PredictedMention:
    if mention.fragments is None:
        return mention
    return mention.model_copy(update={"fragments": [(s + by, e + by) for s, e in mention.fragments]})
