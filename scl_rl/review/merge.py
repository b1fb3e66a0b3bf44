"""From what reviewers decided to one set of documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..corpus.types import Annotation, Document, Mention
from ..scoring import GoldDocument
from .record import Review, ReviewedNote

Tie = Literal["leave-out", "keep", "drop"]
"""What a code that half of the reviewers keep does: the note is left out, the code stays, or it goes."""

Kept = dict[str, list[Mention]]
"""Code → the words that stand for it, none where a reviewer found none."""


@dataclass
class Merged:
    """Reviews made one.

    Attributes:
        documents: the notes that somebody finished, with the codes that a majority keeps.
        left_out: notes on a code of which the reviewers are tied.
        ties: (note, code) of which half of the reviewers keep the code.
        words_apart: (note, code) that all tell, with no words that a majority names; all words are taken.
    """

    documents: list[Document] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    ties: list[tuple[str, str]] = field(default_factory=list)
    words_apart: list[tuple[str, str]] = field(default_factory=list)


def kept(note: ReviewedNote) -> Kept:
    """The codes that a reviewer lets stand, in order, each with its words once."""
    found: Kept = {}
    for code in note.codes:
        if code.kept:
            words = found.setdefault(code.code, [])
            for mention in code.mentions:
                if mention.verdict != "wrong" and mention.fragments and mention.fragments not in words:
                    words.append(mention.fragments)
    return found


def merge(
    documents: Sequence[Document],
    reviews: Sequence[Review],
    systems: Mapping[str, str],
    tie: Tie = "leave-out",
) -> Merged:
    """The finished notes of all reviews, in the order of the documents.

    A code stays if more than half of those who finished the note keep it. Of its words, those stay that more
    than half of them name, where two that overlap by half are the same; the first reviewer's are taken.

    Args:
        systems: code → its system.
    """
    done: dict[str, list[Kept]] = {}
    for review in reviews:
        for note in review.notes:
            if note.done:
                done.setdefault(note.id, []).append(kept(note))
    merged = Merged()
    for document in documents:
        if document.id not in done:
            continue
        codes, tied = _voted(done[document.id], tie)
        merged.ties += [(document.id, code) for code in tied]
        if tied and tie == "leave-out":
            merged.left_out.append(document.id)
            continue
        named = [mention for one in done[document.id] for words in one.values() for mention in words]
        same = _SameWords(document.text, named)
        annotations = []
        for code in codes:
            votes = [one[code] for one in done[document.id] if code in one]
            words, apart = _words(same, votes)
            if apart:
                merged.words_apart.append((document.id, code))
            annotations.append(Annotation(code=code, system=systems[code], mentions=words or None))
        merged.documents.append(document.model_copy(update={"annotations": annotations}))
    return merged


def _voted(votes: Sequence[Kept], tie: Tie) -> tuple[list[str], list[str]]:
    """The codes that stay, and those that half of the reviewers keep."""
    codes = list(dict.fromkeys(code for one in votes for code in one))
    share = {code: sum(code in one for one in votes) / len(votes) for code in codes}
    tied = [code for code in codes if share[code] == 0.5]
    return [code for code in codes if share[code] > 0.5 or (share[code] == 0.5 and tie == "keep")], tied


def _words(same: _SameWords, votes: Sequence[Sequence[Mention]]) -> tuple[list[Mention], bool]:
    """The words that a majority names, and whether there are none and so all are taken."""
    groups: list[tuple[Mention, set[int]]] = []
    for reviewer, mentions in enumerate(votes):
        for mention in mentions:
            group = next((g for g in groups if reviewer not in g[1] and same(g[0], mention)), None)
            if group is None:
                groups.append((mention, {reviewer}))
            else:
                group[1].add(reviewer)
    agreed = [mention for mention, named in groups if len(named) > len(votes) / 2]
    if agreed or not groups:
        return agreed, False
    return [mention for mention, _ in groups], True


class _SameWords:
    """Tells which mentions of a note are the same evidence, by the rule for "cited"."""

    def __init__(self, text: str, mentions: Iterable[Mention]) -> None:
        self._names = {tuple(mention): f"m{number}" for number, mention in enumerate(mentions)}
        annotations = [Annotation(code=name, mentions=[list(m)]) for m, name in self._names.items()]
        self._gold = GoldDocument(text, annotations)

    def __call__(self, one: Mention, other: Mention) -> bool:
        return self._gold.verdict(self._names[tuple(one)], [other]).cited
