"""Comparing predictions files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..corpus.jsonl import read_documents, read_predictions, read_training
from ..errors import Problem, UserError
from .candidate import Candidate
from .comparison import comparison
from .judged import judged
from .report import evaluate_predictions


def compare_files(
    predictions: Sequence[Path],
    documents: Path,
    against: Path | None,
    training: Sequence[Path],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """:func:`~.compare.comparison` of predictions files, named after what is different in their paths.

    Raises:
        UserError: a file can't be read, or they don't go together; ``against`` is none of them.
    """
    gold = read_documents(documents, labelled=True)
    if against is not None and against not in predictions:
        raise UserError(Problem(f"--against {against}", "is not one of the predictions files"))
    names = _names(predictions)
    candidates = []
    for name, path in zip(names, predictions, strict=True):
        found = read_predictions(path, gold, documents)
        candidates.append(Candidate(name, list(judged(gold, found)), evaluate_predictions(gold, found)))
    return comparison(
        candidates,
        against=() if against is None else [names[predictions.index(against)]],
        training=training_counts(training) if training else None,
        resamples=resamples,
        seed=seed,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """As little of each path as tells it from the others; a path given again is numbered."""
    parts = [path.parts for path in paths]
    while len(set(paths)) > 1 and len({part[-1:] for part in parts}) == 1:
        parts = [part[:-1] for part in parts]
    length = 1
    while len({part[-length:] for part in parts}) < len(set(paths)):
        length += 1
    numbers = [paths[:i].count(path) for i, path in enumerate(paths, 1)]
    ends = ["/".join(part[-length:]) for part in parts]
    return [f"{end} ({n})" if n > 1 else end for end, n in zip(ends, numbers, strict=True)]


def training_counts(paths: Sequence[Path]) -> Counter[str]:
    """In how many documents and spans of some files each code occurs."""
    counts: Counter[str] = Counter()
    for path in paths:
        spans, documents = read_training(path)
        counts.update(span.code for span in spans)
        for document in documents:
            counts.update({annotation.code for annotation in document.annotations or ()})
    return counts
