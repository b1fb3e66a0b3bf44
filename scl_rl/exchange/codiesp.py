"""CodiEsp's files: a split of the corpus in its official layout, and predictions for its official scorers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..atomic import new_folder, writing
from ..corpus.readers.codiesp import SYSTEMS
from ..corpus.types import Document, Prediction
from ..errors import Problem, UserError

_LABELS = {system: label for label, system in SYSTEMS.items()}
_DIAGNOSIS, _PROCEDURE = SYSTEMS
_NAME = re.compile(r"[^/.\0][^/\0]{0,99}")
_CATEGORY = 3  # characters; a longer diagnosis has a dot, and a procedure never has one


def write_codiesp(folder: Path, documents: Sequence[Document]) -> int:
    """Write documents as ``text_files/`` with the tables ``<folder>X.tsv`` (codes with their references),
    ``D.tsv`` and ``P.tsv`` (diagnoses and procedures without).

    Codes are lower-cased, as in the corpus. White space in references is collapsed.

    Returns:
        How many codes have no evidence, and so are not in the table X.

    Raises:
        UserError: an id can't be the name of a file; ``at`` is the position of its document.
    """
    problems = [
        Problem("", f"id '{document.id[:60]}' can't be the name of a file", at=(at,))
        for at, document in enumerate(documents)
        if not _NAME.fullmatch(document.id)
    ]
    if problems:
        raise UserError(*problems[:20])
    uncited = 0
    rows: dict[str, list[tuple[str, ...]]] = {"X": [], "D": [], "P": []}
    with new_folder(folder) as half:
        (half / "text_files").mkdir()
        for document in documents:
            (half / "text_files" / f"{document.id}.txt").write_bytes(document.text.encode("utf-8"))
            for annotation in document.annotations or ():
                label = _LABELS.get(annotation.system, _DIAGNOSIS)
                code = annotation.code.lower()
                rows["P" if label == _PROCEDURE else "D"].append((document.id, code))
                uncited += not annotation.mentions
                for mention in annotation.mentions or ():
                    words = " ".join(" ".join(document.text[start:end] for start, end in mention).split())
                    places = ";".join(f"{start} {end}" for start, end in mention)
                    rows["X"].append((document.id, label, code, words, places))
        for name, table in rows.items():
            with writing(half / f"{folder.name}{name}.tsv") as stream:
                stream.writelines("\t".join(row) + "\n" for row in table)
    return uncited


def write_codiesp_predictions(path: Path, predictions: Iterable[Prediction], systems: dict[str, str]) -> int:
    """Write predictions as ``codiespX_evaluation.py`` reads them: document, place, label, code.

    A discontinuous mention goes from the start of its first fragment to the end of its last. Quotes that are
    not in the note have no place.

    Args:
        systems: code → its system, where that is known; else a code without a dot is a procedure if it has
            more than three characters.

    Returns:
        How many codes have no quote that is in the note, and so are not in the file.
    """
    uncited = 0
    with writing(path) as stream:
        for prediction in predictions:
            for code in prediction.codes:
                places = {(m.fragments[0][0], m.fragments[-1][1]): None for m in code.mentions if m.fragments}
                uncited += not places
                for start, end in places:
                    row = (prediction.id, f"{start} {end}", _label(code.code, systems), code.code.lower())
                    stream.write("\t".join(row) + "\n")
    return uncited


def _label(code: str, systems: dict[str, str]) -> str:
    if code in systems:
        return _LABELS.get(systems[code], _DIAGNOSIS)
    return _PROCEDURE if "." not in code and len(code) > _CATEGORY else _DIAGNOSIS


def systems_of(documents: Iterable[Document]) -> dict[str, str]:
    """Code → its system, for all codes of some documents."""
    return {a.code: a.system for document in documents for a in document.annotations or ()}
