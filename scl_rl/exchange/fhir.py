"""Predictions as a FHIR R4 Bundle: the notes, a Condition for each code, and where all of it comes from.

Each quote is a ``derivation-reference`` on its Condition, which points to the words in the note
(https://hl7.org/fhir/extensions/StructureDefinition-derivation-reference.html). Offsets and lengths count
code points of the decoded text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ..corpus.types import Document, PredictedCode, PredictedMention, Prediction
from .made import NO_EVIDENCE, Made, confidence_of, title_of

DERIVATION = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
CONFIDENCE = "urn:scl-rl:confidence"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_PATH = "DocumentReference.content[0].attachment.data"
SYSTEMS = {
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-10-PCS": "http://www.cms.gov/Medicare/Coding/ICD10",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
}


def bundle(documents: Sequence[Document], predictions: Iterable[Prediction], made: Made) -> dict[str, Any]:
    """A Bundle of type ``collection``.

    A Condition is ``unconfirmed`` and its subject is unknown: whoever takes it over fills in the patient.
    """
    entries: list[dict[str, Any]] = []
    for document, prediction in zip(documents, predictions, strict=True):
        note, conditions = _url("note", document.id), []
        entries.append(_entry(note, _note(document)))
        for number, code in enumerate(prediction.codes):
            conditions.append(_url("condition", document.id, str(number)))
            entries.append(_entry(conditions[-1], _condition(note, code, made)))
        if conditions:
            entries.append(_entry(_url("provenance", document.id), _provenance(note, conditions, made)))
    return {"resourceType": "Bundle", "type": "collection", "timestamp": made.at, "entry": entries}


def _url(*names: str) -> str:
    """The same URL for the same thing, whenever it is written."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, '/'.join(('scl-rl', *names)))}"


def _entry(url: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": url, "resource": resource}


def _note(document: Document) -> dict[str, Any]:
    data = base64.b64encode(document.text.encode("utf-8")).decode("ascii")
    attachment = {"contentType": "text/plain; charset=utf-8", "data": data}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "identifier": [{"value": document.id}],
        "content": [{"attachment": attachment}],
    }


def _condition(note: str, code: PredictedCode, made: Made) -> dict[str, Any]:
    coding: dict[str, Any] = {"code": code.code}
    if made.system in SYSTEMS:
        coding["system"] = SYSTEMS[made.system]
    if title := title_of(code.code):
        coding["display"] = title
    extensions = list(_derivations(note, code.mentions))
    confidence = confidence_of(code)
    if confidence is not None:
        extensions.append({"url": CONFIDENCE, "valueDecimal": round(confidence, 4)})
    lost = [" … ".join(mention.quotes) for mention in code.mentions if not mention.fragments]
    notes = [f"Quoted, but not in the document: {quote}" for quote in lost]
    if not code.mentions:
        notes = [NO_EVIDENCE.capitalize()]
    condition = {
        "resourceType": "Condition",
        "extension": extensions,
        "verificationStatus": {"coding": [{"system": _VERIFICATION, "code": "unconfirmed"}]},
        "code": {"coding": [coding]},
        "subject": {"display": "unknown"},
        "evidence": [{"detail": [{"reference": note}]}],
        "note": [{"text": text} for text in notes],
    }
    return {key: value for key, value in condition.items() if value}


def _derivations(note: str, mentions: Sequence[PredictedMention]) -> Iterator[dict[str, Any]]:
    """One extension per fragment; its id tells which fragments make one mention."""
    for number, mention in enumerate(mentions, 1):
        for part, (start, end) in enumerate(mention.fragments or (), 1):
            yield {
                "id": f"mention-{number}-part-{part}",
                "url": DERIVATION,
                "extension": [
                    {"url": "reference", "valueReference": {"reference": note}},
                    {"url": "path", "valueString": _PATH},
                    {"url": "offset", "valueInteger": start},
                    {"url": "length", "valueInteger": end - start},
                ],
            }


def _provenance(note: str, conditions: Sequence[str], made: Made) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": url} for url in conditions],
        "recorded": made.at,
        "agent": [{"who": {"display": f"{made.by}, model {made.model}"}}],
        "entity": [{"role": "source", "what": {"reference": note}}],
    }
