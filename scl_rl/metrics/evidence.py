"""The same figures as an ``evaluate.Metric``, for training loops that speak Hugging Face's language."""

from __future__ import annotations

import json
from typing import Any

import datasets
import evaluate

from ..corpus.types import Document, Prediction
from .report import evaluate_predictions


class CitedCodes(evaluate.Metric):  # type: ignore[misc]
    """``compute(predictions=[...], references=[...])`` over JSON strings of predictions and documents.

    Each prediction is a line of ``predictions.jsonl``, each reference a line of ``documents.jsonl``; the
    result is what ``scl-rl evaluate --json`` prints. Works offline.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="ICD codes that count only when a quote of the note supports them.",
            citation="",
            features=datasets.Features(
                {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
            ),
        )

    def _compute(self, predictions: list[str], references: list[str], **_: Any) -> dict[str, Any]:
        return evaluate_predictions(
            [Document.model_validate(json.loads(line)) for line in references],
            [Prediction.model_validate(json.loads(line)) for line in predictions],
        )
