"""The least confidence with which a code is kept: a model's operating point without training it anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..corpus.types import Document, Prediction
from ..scoring.tally import Counts
from .calibration import CONFIDENCE
from .judged import judged


class Threshold(NamedTuple):
    """Codes with less than ``confidence`` are left out.

    ``f_beta`` is what that gives on the documents that it was chosen on, ``f_beta_of_all`` without it.
    """

    confidence: float
    f_beta: float
    f_beta_of_all: float


def best_threshold(
    documents: Sequence[Document], predictions: Sequence[Prediction], beta: float = 1.0
) -> Threshold:
    """The threshold with the highest joint F-beta over these documents; the lowest of equals.

    Args:
        documents: those whose evidence is annotated count.
        predictions: each code with its ``confidence`` in [0, 1].
    """
    scored: list[tuple[float, bool]] = []
    gold = 0
    for one in judged(list(documents), predictions):
        if not one.gold.has_evidence:
            continue
        gold += len(one.gold.mentions)
        scored += [(_confidence(code), one.cited[code.code]) for code in one.prediction.codes]
    scored.sort(key=lambda pair: -pair[0])
    best, found, cited = (0.0, 0.0), 0.0, 0
    for number, (confidence, right) in enumerate(scored, 1):
        cited += right
        if number < len(scored) and scored[number][0] == confidence:
            continue  # all with the same confidence are kept, or none
        found = Counts(cited, number - cited, gold - cited).f_beta(beta)
        best = max(best, (found, -confidence if number < len(scored) else 0.0))
    return Threshold(abs(best[1]), best[0], found)


def above(prediction: Prediction, confidence: float) -> Prediction:
    """The prediction without the codes that have less confidence."""
    codes = [code for code in prediction.codes if _confidence(code) >= confidence]
    return prediction.model_copy(update={"codes": codes})


def _confidence(code: object) -> float:
    return float((getattr(code, "model_extra", None) or {})[CONFIDENCE])
