"""How far two reviewers of the same notes agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from ..corpus.types import Annotation, Document
from ..scoring import Counts, GoldDocument
from .merge import kept
from .record import Review, ReviewedNote


def agreements(reviews: Sequence[Review], documents: Mapping[str, Document]) -> list[dict[str, Any]]:
    """For every two reviewers, over the notes that both finished.

    Returns:
        ``a``, ``b``, ``notes``; ``code_f1`` (codes kept), ``span_f1`` (code and exact words), ``joint_f1``
        (codes whose words overlap by half, as "cited"), all micro; Cohen's ``kappa`` of the verdicts on
        proposed codes (right, wrong, changed) and ``kappa_words`` of those on proposed words (right, wrong),
        None where there is nothing to agree on by more than chance.
    """
    return [_agreement(a, b, documents) for a, b in combinations(reviews, 2)]


def _agreement(a: Review, b: Review, documents: Mapping[str, Document]) -> dict[str, Any]:
    theirs = {note.id: note for note in b.notes if note.done}
    both = [(note, theirs[note.id]) for note in a.notes if note.done and note.id in theirs]
    codes, spans, joint = Counts(), Counts(), Counts()
    for ours, other in both:
        first, second = kept(ours), kept(other)
        codes += Counts.of_sets(set(first), set(second))
        spans += Counts.of_sets(_spans(first), _spans(second))
        joint += _joint(documents[ours.id], first, second)
    verdicts = [pair for ours, other in both for pair in _verdicts(ours, other)]
    words = [pair for ours, other in both for pair in _words(ours, other)]
    return {
        "a": a.reviewer,
        "b": b.reviewer,
        "notes": len(both),
        "code_f1": codes.f1,
        "span_f1": spans.f1,
        "joint_f1": joint.f1,
        "kappa": kappa(verdicts),
        "kappa_words": kappa(words),
    }


def _spans(codes: Mapping[str, Sequence[Any]]) -> set[Hashable]:
    return {(code, tuple(map(tuple, mention))) for code, mentions in codes.items() for mention in mentions}


def _joint(document: Document, first: Mapping[str, Any], second: Mapping[str, Any]) -> Counts:
    """The second's codes judged against the first's as gold."""
    annotations = [Annotation(code=code, mentions=mentions or None) for code, mentions in first.items()]
    gold = GoldDocument(document.text, annotations)
    hits = sum(gold.verdict(code, mentions).cited for code, mentions in second.items())
    return Counts(hits, len(second) - hits, len(first) - hits)


def _verdicts(ours: ReviewedNote, other: ReviewedNote) -> Iterable[tuple[Hashable, Hashable]]:
    """The verdicts on the codes that were proposed to both, which come first and in the same order."""
    for one, two in zip(ours.codes, other.codes, strict=False):
        if one.proposed is not None and one.proposed == two.proposed:
            yield one.verdict, two.verdict


def _words(ours: ReviewedNote, other: ReviewedNote) -> Iterable[tuple[Hashable, Hashable]]:
    for one, two in zip(ours.codes, other.codes, strict=False):
        if one.proposed is None or one.proposed != two.proposed:
            continue
        for here, there in zip(one.mentions, two.mentions, strict=False):
            proposed = "reviewer" not in (here.source, there.source)
            if proposed and here.verdict and there.verdict:
                yield here.verdict, there.verdict


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two judges (Cohen 1960): agreement beyond what chance gives with their own shares.

    None without pairs, or where both gave one and the same verdict throughout.
    """
    if not pairs:
        return None
    seen = sum(one == two for one, two in pairs) / len(pairs)
    first, second = (Counter(pair[at] for pair in pairs) for at in (0, 1))
    chance = sum(first[verdict] * second[verdict] for verdict in first) / len(pairs) ** 2
    return (seen - chance) / (1 - chance) if chance < 1 else None
