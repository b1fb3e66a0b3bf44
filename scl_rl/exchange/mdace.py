"""MDACE's files: annotations or predictions, one per admission, as ``evaluate-predictions.py`` reads them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..atomic import new_folder, write_json
from ..corpus.types import Document, Mention, Prediction
from ..errors import Problem, UserError
from ..icd.normalise import ICD_9_CM, ICD_9_PCS, ICD_10_CM, ICD_10_PCS
from .made import title_of

_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_NINTH = (ICD_9_CM, ICD_9_PCS)

_Cited = Iterable[tuple[str, str, Mention]]
"""Code, system, place."""


def write_mdace(
    folder: Path, documents: Sequence[Document], predictions: Iterable[Prediction] | None = None
) -> int:
    """Write the annotations of documents, or predictions for them.

    Discontinuous mentions are written as their hull, since MDACE has none.

    Args:
        documents: as ``data import mdace`` makes them: their ids are ``<admission>-<note>``, and they have
            the key ``category``.

    Returns:
        How many codes have no place in their note, and so are in no file.

    Raises:
        UserError: an id is of another form; ``at`` is the position of its document.
    """
    problems = [
        Problem("", f"id '{document.id[:60]}' is not <admission>-<note>", "as data import mdace makes", (at,))
        for at, document in enumerate(documents)
        if not _ID.fullmatch(document.id)
    ]
    if problems:
        raise UserError(*problems[:20])
    systems = {a.code: a.system for document in documents for a in document.annotations or ()}
    edition = "ICD-9" if systems and all(system in _NINTH for system in systems.values()) else "ICD-10"
    predicted = None if predictions is None else {prediction.id: prediction for prediction in predictions}
    admissions: dict[int, list[dict[str, Any]]] = defaultdict(list)
    uncited = 0
    for document in documents:
        cited, lost = _annotated(document)
        if predicted is not None:
            cited, lost = _predicted(predicted.get(document.id), systems, edition)
        uncited += lost
        admission, note = map(int, document.id.split("-"))
        admissions[admission].append(_note(document, note, cited, "Human" if predicted is None else "scl-rl"))
    with new_folder(folder) as half:
        for admission, notes in admissions.items():
            write_json(
                half / f"{admission}-{edition}.json", {"hadm_id": admission, "comment": "", "notes": notes}
            )
    return uncited


def _note(document: Document, number: int, cited: _Cited, kind: str) -> dict[str, Any]:
    more = document.model_extra or {}
    return {
        "note_id": number,
        "category": str(more.get("category", "Discharge summary")),
        "description": str(more.get("description", "")),
        "annotations": [
            {
                "begin": min(start for start, _ in place),
                "end": max(end for _, end in place),
                "code": code,
                "code_system": system,
                "description": title_of(code),
                "type": kind,
            }
            for code, system, place in cited
        ],
    }


def _annotated(document: Document) -> tuple[_Cited, int]:
    annotations = document.annotations or ()
    cited = [(a.code, a.system, mention) for a in annotations for mention in a.mentions or ()]
    return cited, sum(not a.mentions for a in annotations)


def _predicted(prediction: Prediction | None, systems: Mapping[str, str], edition: str) -> tuple[_Cited, int]:
    if prediction is None:
        return [], 0
    places = {code.code: [m.fragments for m in code.mentions if m.fragments] for code in prediction.codes}
    cited = [
        (code, systems.get(code) or _system(code, edition), place)
        for code, found in places.items()
        for place in found
    ]
    return cited, sum(not found for found in places.values())


def _system(code: str, edition: str) -> str:
    """The system of a code that no document has, by its form."""
    if edition == "ICD-9":
        return ICD_9_PCS if re.fullmatch(r"\d\d(\.\d+)?", code) else ICD_9_CM
    return ICD_10_PCS if re.fullmatch(r"[0-9A-Z]{7}", code) else ICD_10_CM
