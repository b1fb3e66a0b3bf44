"""``scl-rl review --apply``: review files made documents to train on, pairs, a diff and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..corpus.jsonl import read_documents, read_predictions, write_jsonl
from ..corpus.types import Document, Prediction
from ..errors import Problem, UserError
from .agreement import agreements
from .merge import Merged, Tie, merge
from .notes import fingerprint, predicted_notes, system_of
from .pairs import Asking, review_pairs
from .record import Review, ReviewedCode, ReviewedNote, read_review
from .sample import Interval, estimate


@dataclass(frozen=True)
class ApplyOptions:
    """Where results go, and how reviews are merged.

    Attributes:
        pairs, diff: files to write besides the documents, or None.
        model: the model folder whose prompt and answer form the pairs have; None = the defaults.
    """

    pairs: Path | None = None
    diff: Path | None = None
    model: Path | None = None
    tie: Tie = "leave-out"


def apply_reviews(
    predictions: Path, documents: Path, reviews: Sequence[Path], out: Path, options: ApplyOptions
) -> dict[str, Any]:
    """Write what the reviews give.

    Returns:
        ``notes`` (written to ``out``), ``left_out`` and ``ties`` (where reviewers are tied), ``words_apart``,
        ``without_words`` (codes that have none), ``pairs`` (if asked for), ``reviewers`` (see
        :func:`reviewer_figures`), ``agreement`` (see :func:`~.agreement.agreements`), ``over_coding`` and
        ``under_coding`` (code → notes in which the merged review took it away, or added it).

    Raises:
        UserError: a file can't be read or written, or is a review of something else; two are by one
            reviewer; no note is done.
    """
    every = read_documents(documents)
    notes, answers = predicted_notes(every, read_predictions(predictions, every, documents))
    by_id = {document.id: document for document in notes}
    given = [read_review(path, fingerprint(notes, answers), by_id) for path in reviews]
    _check_reviewers(reviews, given)
    systems = _Systems(notes)
    merged = merge(notes, given, systems, options.tie)
    predicted = {prediction.id: prediction for prediction in answers}
    figures = _figures(merged, given, by_id, predicted)
    write_jsonl(out, merged.documents)
    if options.diff is not None:
        write_jsonl(options.diff, differences(merged.documents, predicted, given))
    if options.pairs is not None:
        pairs = list(review_pairs(merged.documents, predicted, Asking(options.model)))
        write_jsonl(options.pairs, pairs)
        figures["pairs"] = len(pairs)
    return figures


class _Systems(dict[str, str]):
    """Code → its system; that of most codes for one that the documents don't have."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._most, others = system_of(documents)
        super().__init__(others)

    def __missing__(self, code: str) -> str:
        return self._most


def _check_reviewers(paths: Sequence[Path], reviews: Sequence[Review]) -> None:
    names = [review.reviewer.strip() for review in reviews]
    problems = [
        Problem(str(path), f"'{name}' is the reviewer of {paths[names.index(name)]} too", "merge one of them")
        for number, (path, name) in enumerate(zip(paths, names, strict=True))
        if names.index(name) < number
    ]
    if not problems and not any(note.done for review in reviews for note in review.notes):
        problems = [Problem(str(paths[0]), "no note is marked done", "mark notes with the key d")]
    if problems:
        raise UserError(*problems)


def _figures(
    merged: Merged,
    reviews: Sequence[Review],
    documents: Mapping[str, Document],
    predicted: Mapping[str, Prediction],
) -> dict[str, Any]:
    over, under = Counter[str](), Counter[str]()
    for document in merged.documents:
        proposed = {code.code for code in predicted[document.id].codes}
        codes = {annotation.code for annotation in document.annotations or ()}
        over.update(proposed - codes)
        under.update(codes - proposed)
    without = sum(a.mentions is None for d in merged.documents for a in d.annotations or ())
    return {
        "notes": len(merged.documents),
        "left_out": len(merged.left_out),
        "ties": len(merged.ties),
        "words_apart": len(merged.words_apart),
        "without_words": without,
        "reviewers": [reviewer_figures(review) for review in reviews],
        "agreement": agreements(reviews, documents),
        "over_coding": dict(over.most_common()),
        "under_coding": dict(under.most_common()),
    }


def reviewer_figures(review: Review) -> dict[str, Any]:
    """What one reviewer found of the model, in the notes that they finished.

    Returns:
        ``reviewer``, ``notes``, ``minutes``, ``codes`` (the model's), counts ``right``, ``wrong``,
        ``changed`` and ``added``; ``code_precision`` and ``joint_precision`` (right code, right words too) as
        ``{"value", "low", "high"}`` with the 95% interval over notes, of all notes if they were sampled; and
        in ``alone`` how many words imply their code alone, as ``{"yes", "no"}``.
    """
    done = [note for note in review.notes if note.done]
    own = [code for note in done for code in note.codes if code.source == "model"]
    alone = Counter(m.alone for note in done for code in note.codes for m in code.mentions if m.alone)
    return {
        "reviewer": review.reviewer,
        "notes": len(done),
        "minutes": round(sum(note.seconds for note in done) / 60, 1),
        "codes": len(own),
        **{
            verdict: sum(code.verdict == verdict for code in own) for verdict in ("right", "wrong", "changed")
        },
        "added": sum(code.kept and code.source != "model" for note in done for code in note.codes),
        "code_precision": _share(review, done, joint=False),
        "joint_precision": _share(review, done, joint=True),
        "alone": {answer: alone[answer] for answer in ("yes", "no")},
    }


def _share(review: Review, done: Sequence[ReviewedNote], joint: bool) -> dict[str, float] | None:
    rows = {
        note.id: (
            sum(_is_right(code, joint) for code in note.codes if code.source == "model"),
            sum(code.source == "model" for code in note.codes),
        )
        for note in done
    }
    if review.sample is None:
        found: Interval | None = estimate([(None, list(rows.values()))])
    else:
        found = estimate([(s.size, [rows[name] for name in s.drawn if name in rows]) for s in review.sample])
    return found._asdict() if found else None


def _is_right(code: ReviewedCode, joint: bool) -> bool:
    words = any(mention.source == "model" and mention.verdict == "right" for mention in code.mentions)
    return code.verdict == "right" and (words or not joint)


def differences(
    documents: Sequence[Document], predicted: Mapping[str, Prediction], reviews: Sequence[Review]
) -> Iterator[dict[str, Any]]:
    """For each reviewed note what became of the model's answer.

    Yields:
        ``id``; ``removed`` codes; ``added`` codes and ``moved`` ones (kept, with other words), each with
        ``code``, ``before`` and ``after``, lists of mentions; ``comments`` (``reviewer``, ``code``,
        ``comment``).
    """
    for document in documents:
        before: dict[str, list[Any]] = {}
        for code in predicted[document.id].codes:
            before.setdefault(code.code, []).extend(mention.fragments for mention in code.mentions)
        after = {annotation.code: annotation.mentions or [] for annotation in document.annotations or ()}
        changed = [
            {"code": code, "before": before.get(code, []), "after": words}
            for code, words in after.items()
            if code not in before or _as_set(before[code]) != _as_set(words)
        ]
        yield {
            "id": document.id,
            "removed": [code for code in before if code not in after],
            "added": [change for change in changed if change["code"] not in before],
            "moved": [change for change in changed if change["code"] in before],
            "comments": [
                {"reviewer": review.reviewer, "code": code.code, "comment": code.comment}
                for review in reviews
                for note in review.notes
                if note.id == document.id
                for code in note.codes
                if code.comment
            ],
        }


def _as_set(mentions: Sequence[Any]) -> set[Any]:
    return {mention and tuple(map(tuple, mention)) for mention in mentions}
