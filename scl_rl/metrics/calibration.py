"""Confidences that mean what they say: fitted on documents with gold, and how reliable they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from ..corpus.types import Document, Prediction
from .judged import judged

CONFIDENCE = "confidence"
BINS = 10
FOLDS = 5
FEWEST = 20
"""Codes below which nothing is fitted."""
# Smaller probabilities say how long or rare the quoted words are. Their logits would outweigh all others.
_LEAST, _MOST = 1e-2, 1 - 1e-12


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: the logit of a confidence becomes ``slope`` times itself plus ``offset``."""

    slope: float = 1.0
    offset: float = 0.0

    def of(self, confidence: float) -> float:
        """The calibrated confidence in [0, 1]."""
        return 1 / (1 + math.exp(-(self.slope * _logit(confidence) + self.offset)))

    def apply(self, prediction: Prediction) -> Prediction:
        """The prediction with calibrated confidences."""
        codes = [
            code.model_copy(update={CONFIDENCE: self.of((code.model_extra or {})[CONFIDENCE])})
            for code in prediction.codes
        ]
        return prediction.model_copy(update={"codes": codes})


def _logit(confidence: float) -> float:
    kept = min(_MOST, max(_LEAST, confidence))
    return math.log(kept) - math.log1p(-kept)


def confidences(documents: Iterable[Document], predictions: Iterable[Prediction]) -> list[tuple[float, bool]]:
    """For each predicted code its confidence, and whether it is cited; of documents with gold evidence."""
    return [
        (float((code.model_extra or {})[CONFIDENCE]), one.cited[code.code])
        for one in judged(documents, predictions)
        if one.gold.has_evidence and one.document.annotations is not None
        for code in one.prediction.codes
    ]


def fit(known: Sequence[tuple[float, bool]]) -> Calibration:
    """The scaling under which what came out is likeliest, with Platt's targets (1999), which keep it finite.

    Raises:
        ValueError: there are fewer than :data:`FEWEST` codes.
    """
    if len(known) < FEWEST:
        raise ValueError(f"{len(known)} codes are too few to calibrate on; it takes {FEWEST}")
    logits = np.array([_logit(confidence) for confidence, _ in known])
    right = sum(cited for _, cited in known)
    wrong = len(known) - right
    targets = np.array([(right + 1) / (right + 2) if cited else 1 / (wrong + 2) for _, cited in known])

    def loss(parameters: Any) -> float:
        scores = parameters[0] * logits + parameters[1]
        return float(np.sum(np.logaddexp(0, scores) - targets * scores))

    slope, offset = minimize(loss, [1.0, 0.0], method="BFGS").x
    return Calibration(float(slope), float(offset))


def cross_fitted(known: Sequence[tuple[float, bool]]) -> list[tuple[float, bool]]:
    """Calibrated confidences, each by a scaling that was fitted without it and a fifth of the others."""
    found: list[tuple[float, bool]] = []
    for fold in range(FOLDS):
        rest = [pair for number, pair in enumerate(known) if number % FOLDS != fold]
        scaling = fit(rest) if len(rest) >= FEWEST else Calibration()
        found += [(scaling.of(c), cited) for n, (c, cited) in enumerate(known) if n % FOLDS == fold]
    return found


def reliability(known: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """How far confidences can be trusted.

    Returns:
        ``codes``; ``ece``, the expected calibration error (mean distance of confidence and share cited over
        ten equal bins, weighted by codes); ``brier``, the mean squared error; ``bins``, those with codes, as
        ``{"low", "high", "codes", "confidence", "cited"}``.
    """
    bins = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = [(c, cited) for c, cited in known if low <= c < high or (c == 1.0 and number == BINS - 1)]
        if inside:
            mean, share = (float(np.mean([pair[at] for pair in inside])) for at in (0, 1))
            bins.append({"low": low, "high": high, "codes": len(inside), CONFIDENCE: mean, "cited": share})
    total = max(1, len(known))
    return {
        "codes": len(known),
        "ece": sum(b["codes"] * abs(b[CONFIDENCE] - b["cited"]) for b in bins) / total,
        "brier": sum((c - cited) ** 2 for c, cited in known) / total,
        "bins": bins,
    }
