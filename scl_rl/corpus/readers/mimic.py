"""MIMIC-III and MIMIC-IV: notes with the codes of their admission, whose evidence nobody annotated.

The tables come from PhysioNet and none is shipped: NOTEEVENTS.csv with DIAGNOSES_ICD.csv and
PROCEDURES_ICD.csv (III), or discharge.csv.gz with diagnoses_icd.csv.gz and procedures_icd.csv.gz (IV).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from ...errors import Problem, UserError
from ...icd.normalise import ICD_9_CM, ICD_9_PCS, ICD_10_CM, ICD_10_PCS, normalised
from ...table_files import read_rows
from ..types import CODE, Annotation, Document
from .misfits import Misfits, Policy

Edition = Literal["9", "10", "both"]
DISCHARGE = ("Discharge summary", "DS")  # what MIMIC-III and MIMIC-IV call it
_SYSTEMS = {
    ("diagnoses", "9"): ICD_9_CM,
    ("diagnoses", "10"): ICD_10_CM,
    ("procedures", "9"): ICD_9_PCS,
    ("procedures", "10"): ICD_10_PCS,
}
_CODE_COLUMNS = {"admission": ["hadm_id"], "code": ["icd_code", "icd9_code", "icd10_code"]}
_NOTE_COLUMNS = {"admission": ["hadm_id"], "text": ["text"]}
_MORE_NOTE_COLUMNS = {
    "note": ["note_id"],
    "row": ["row_id"],
    "patient": ["subject_id"],
    "category": ["category", "note_type"],
    "error": ["iserror"],
}
_CODE = re.compile(CODE)

_Codes = dict[str, list[tuple[str, str]]]
"""Admission → its codes with their systems."""


class MimicNotes:
    """Code-only documents, read note by note as they are asked for.

    An id is ``<admission>-<row>`` in MIMIC-III, the note's own in MIMIC-IV; a document's ``group`` is its
    patient. Several notes of an admission are several documents with the same codes.

    Args:
        notes: the table of notes.
        diagnoses, procedures: the tables of codes; at least one.
        categories: of the notes to take, if the table says which they are.
        edition: of ICD; MIMIC-IV has both. Tables that don't say it are of ICD-9.
        policy: what to do with codes that can't be ones.

    Attributes:
        left_out: why notes were left out → how many, when all are read.
        misfits: rows of the code tables that could not be used.

    Raises:
        UserError: a table can't be read or lacks a column, or the policy refuses a misfit.
    """

    def __init__(
        self,
        notes: Path,
        diagnoses: Path | None = None,
        procedures: Path | None = None,
        categories: Collection[str] = DISCHARGE,
        edition: Edition = "both",
        policy: Policy = "keep",
    ) -> None:
        self._notes, self._categories = notes, {category.lower() for category in categories}
        self._codes: _Codes = defaultdict(list)
        self.left_out: Counter[str] = Counter()
        misfits = Misfits(policy)
        for kind, path in (("diagnoses", diagnoses), ("procedures", procedures)):
            if path is not None:
                _read_codes(path, kind, edition, self._codes, misfits)
        self.misfits = misfits.finish()
        if not self._codes:
            raise UserError(Problem(str(diagnoses or procedures), "has no codes of that edition of ICD"))

    def __iter__(self) -> Iterator[Document]:
        """Each note that has codes.

        Raises:
            UserError: the table of notes can't be read, or an id occurs twice.
        """
        self.left_out.clear()
        seen: set[str] = set()
        for line, row in read_rows(self._notes, _NOTE_COLUMNS, _MORE_NOTE_COLUMNS):
            why = self._unwanted(row)
            if why:
                self.left_out[why] += 1
                continue
            name = row.get("note") or f"{row['admission']}-{row.get('row', line)}"
            if name in seen:
                raise UserError(Problem(f"{self._notes}:{line}", f"note {name[:40]} is there twice"))
            seen.add(name)
            yield Document(
                id=name,
                text=row["text"],
                annotations=[
                    Annotation(code=code, system=system, mentions=None)
                    for system, code in self._codes[row["admission"]]
                ],
                **({"group": row["patient"]} if row.get("patient") else {}),
            )

    def _unwanted(self, row: dict[str, str]) -> str:
        if "category" in row and row["category"].strip().lower() not in self._categories:
            return "of another category"
        if row.get("error", "").strip() == "1":
            return "marked as errors"
        if not row["text"].strip():
            return "without text"
        return "" if row["admission"] in self._codes else "whose admission has no codes"


def _read_codes(path: Path, kind: str, edition: Edition, codes: _Codes, misfits: Misfits) -> None:
    names: dict[tuple[str, str], tuple[str, str]] = {}  # one tuple per code, however often it occurs
    for line, row in read_rows(path, _CODE_COLUMNS, {"version": ["icd_version"]}):
        version = row.get("version", "9").strip()
        if edition not in (version, "both") or not row["code"].strip():
            continue
        system = _SYSTEMS.get((kind, version))
        code = normalised(row["code"], system or "")
        if system is None or not _CODE.fullmatch(code):
            what = "not a code" if system else "an edition of ICD other than 9 and 10"
            misfits.unusable(f"{path}:{line}", what)
            continue
        named = names.setdefault((system, code), (system, code))
        if named not in codes[row["admission"]]:
            codes[row["admission"]].append(named)
