"""Predictions as W3C Web Annotations: each mention with its position and its quote.

Position selectors count code points, as the data model asks (https://www.w3.org/TR/annotation-model/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from ..corpus.types import Document, Fragment, PredictedCode, PredictedMention, Prediction
from .made import NO_EVIDENCE, Made, confidence_of, title_of

_AROUND = 32  # code points before and after a quote
_CONTEXT = "http://www.w3.org/ns/anno.jsonld"


def collection(
    documents: Sequence[Document], predictions: Iterable[Prediction], made: Made
) -> dict[str, Any]:
    """An AnnotationCollection with all annotations on its first page: one per mention, code by code.

    A code without mentions has one annotation, of the note as a whole. A note is named
    ``urn:scl-rl:note:ID``. The parts of a discontinuous mention are a Composite. A quote that is not in the
    note has no position.
    """
    items = [
        _annotation(document, code, mention, f"{number}-{place}", made)
        for document, prediction in zip(documents, predictions, strict=True)
        for number, code in enumerate(prediction.codes)
        for place, mention in enumerate(code.mentions or [None])
    ]
    page = {"type": "AnnotationPage", "startIndex": 0, "items": items}
    return {"@context": _CONTEXT, "type": "AnnotationCollection", "total": len(items), "first": page}


def _annotation(
    document: Document, code: PredictedCode, mention: PredictedMention | None, key: str, made: Made
) -> dict[str, Any]:
    label = f"{code.code} {title_of(code.code)}".strip()
    confidence = confidence_of(code)
    body = {"type": "TextualBody", "purpose": "classifying", "format": "text/plain", "value": code.code}
    described = {"type": "TextualBody", "purpose": "describing", "format": "text/plain", "value": label}
    if confidence is not None:
        described["value"] += f" (confidence {confidence:.3f})"
    if mention is None:
        described["value"] += f" ({NO_EVIDENCE})"
    return {
        "id": f"urn:uuid:{uuid5(NAMESPACE_URL, f'scl-rl/annotation/{document.id}/{key}')}",
        "type": "Annotation",
        "motivation": "classifying",
        "created": made.at,
        "generator": {"type": "Software", "name": f"{made.by}, model {made.model}"},
        "body": [body, described],
        "target": _target(document, mention),
    }


def _target(document: Document, mention: PredictedMention | None) -> dict[str, Any]:
    source = f"urn:scl-rl:note:{quote(document.id, safe='')}"
    if mention is None:
        return {"source": source}
    parts: list[dict[str, Any]]
    if mention.fragments is None:
        parts = [
            {"source": source, "selector": {"type": "TextQuoteSelector", "exact": words}}
            for words in mention.quotes
        ]
    else:
        parts = [
            {"source": source, "selector": _selectors(document.text, place)} for place in mention.fragments
        ]
    return parts[0] if len(parts) == 1 else {"type": "Composite", "items": parts}


def _selectors(text: str, place: Fragment) -> list[dict[str, Any]]:
    start, end = place
    return [
        {"type": "TextPositionSelector", "start": start, "end": end},
        {
            "type": "TextQuoteSelector",
            "exact": text[start:end],
            "prefix": text[max(0, start - _AROUND) : start],
            "suffix": text[end : end + _AROUND],
        },
    ]
