"""MDACE's annotations (Cheng et al., ACL 2023; MIT), inpatient and profee, put on the notes of MIMIC-III.

An annotation file is an admission: its notes by their rows of NOTEEVENTS.csv, each with annotations of
``begin``, ``end``, ``code`` and ``code_system``. The notes come from PhysioNet, and none is shipped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import Problem, UserError
from ...icd.normalise import CPT, ICD_9_CM, ICD_9_PCS, ICD_10_CM, ICD_10_PCS, normalised
from ...table_files import read_rows
from ..types import CODE, Annotation, Document
from .misfits import Imported, Misfits, Policy

Edition = Literal["9", "10"]
SYSTEMS: dict[Edition, tuple[str, ...]] = {"9": (ICD_9_CM, ICD_9_PCS), "10": (ICD_10_CM, ICD_10_PCS)}
_CODE = re.compile(CODE)
_DIGITS = 19  # of a number that is no row of a table


class _Mark(BaseModel):
    model_config = ConfigDict(extra="ignore")

    begin: int = Field(ge=0)
    end: int = Field(ge=0)
    code: str
    code_system: str


class _Note(BaseModel):
    model_config = ConfigDict(extra="ignore")

    note_id: int
    category: str
    description: str = ""
    annotations: list[_Mark]


class _Admission(BaseModel):
    model_config = ConfigDict(extra="ignore")

    hadm_id: int
    notes: list[_Note]


@dataclass
class _Annotated:
    """A note, with its marks from all files that have any."""

    admission: int
    category: str
    description: str
    marks: list[tuple[str, _Mark]] = field(default_factory=list)
    """Each with the file that it is from."""


def read_mdace(
    annotations: Path,
    noteevents: Path,
    split: Path | None = None,
    category: str | None = None,
    edition: Edition = "10",
    cpt: bool = False,
    policy: Policy = "keep",
) -> Imported:
    """The notes that MDACE annotates, by admission and note; a document's id is ``<admission>-<note>``.

    A document's ``group`` is its admission. Annotations of other code systems than asked for are left out; a
    code whose place is not in the note is code-only; places that begin or end inside a word stand: a few are
    slips of the annotators, many mean that the notes are not as MDACE saw them. All of these are misfits.

    Args:
        annotations: the folder with the annotation files, at any depth. A note that several files annotate
            is one document.
        noteevents: MIMIC-III's NOTEEVENTS.csv, plain or gzipped, read row by row.
        split: a file with an admission a line; absent = all.
        category: of the notes, such as "Discharge summary"; absent = all.
        edition: of ICD. Each annotation has its code in both, in files of their own.
        cpt: take CPT codes as well, which profee annotations have.
        policy: what to do with annotations that don't fit their note.

    Raises:
        UserError: a file is malformed, annotated notes are not in NOTEEVENTS.csv, or the policy refuses a
            misfit.
    """
    notes = _notes(annotations, split, category)
    if not notes:
        raise UserError(Problem(str(annotations), "has no annotated notes of that split and category"))
    texts = _texts(noteevents, notes)
    lacking = len(notes) - len(texts)
    if lacking:
        what = f"{lacking} of {len(notes)} annotated notes are not in it"
        raise UserError(Problem(str(noteevents), what, "MDACE annotates MIMIC-III 1.4"))
    systems = {*SYSTEMS[edition], *([CPT] if cpt else [])}
    misfits = Misfits(policy)
    documents = [
        Document(
            id=f"{note.admission}-{number}",
            text=texts[number],
            annotations=_annotations(note, number, texts[number], systems, misfits),
            group=str(note.admission),
            category=note.category,
            description=note.description,
        )
        for number, note in sorted(notes.items(), key=lambda one: (one[1].admission, one[0]))
    ]
    return Imported(documents, misfits.finish())


def _notes(folder: Path, split: Path | None, category: str | None) -> dict[int, _Annotated]:
    notes: dict[int, _Annotated] = {}
    for file, admission in _admissions(folder, split):
        for note in admission.notes:
            if category is None or note.category == category:
                known = notes.setdefault(
                    note.note_id, _Annotated(admission.hadm_id, note.category, note.description)
                )
                known.marks += ((str(file), mark) for mark in note.annotations)
    return notes


def _admissions(folder: Path, split: Path | None) -> Iterator[tuple[Path, _Admission]]:
    chosen = None if split is None else _numbers(split)
    problems: list[Problem] = []
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise UserError(Problem(str(folder), "has no annotation files (*.json)"))
    for file in files:
        try:
            admission = _Admission.model_validate_json(file.read_bytes())
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            problems.append(Problem(str(file), f"{place}: {first['msg']}" if place else first["msg"]))
            continue
        if chosen is None or admission.hadm_id in chosen:
            yield file, admission
    if problems:
        raise UserError(*problems)


def _numbers(file: Path) -> set[int]:
    try:
        return {int(line) for line in file.read_text(encoding="utf-8-sig").split()}
    except ValueError:
        raise UserError(Problem(str(file), "is not a list of admissions", "one number per line")) from None


def _texts(file: Path, wanted: Collection[int]) -> dict[int, str]:
    """The texts of the wanted notes; line ends are as in the file, for offsets count them."""
    texts: dict[int, str] = {}
    for _, row in read_rows(file, {"number": ["ROW_ID"], "text": ["TEXT"]}):
        number = row["number"]
        if number.isdecimal() and len(number) < _DIGITS and int(number) in wanted:
            texts[int(number)] = row["text"]
            if len(texts) == len(wanted):
                break
    return texts


def _annotations(
    note: _Annotated, number: int, text: str, systems: Collection[str], misfits: Misfits
) -> list[Annotation]:
    found: dict[tuple[str, str], Annotation] = {}
    for file, mark in note.marks:
        where = f"{file}: note {number} at {mark.begin}"
        code = normalised(mark.code, mark.code_system)
        if mark.code_system not in systems:
            misfits.unwanted(where, f"a code of {mark.code_system or 'no system'}")
            continue
        if not _CODE.fullmatch(code):
            misfits.unusable(where, "not a code")
            continue
        known = found.setdefault(
            (code, mark.code_system), Annotation(code=code, system=mark.code_system, mentions=None)
        )
        place = (mark.begin, mark.end)
        if mark.end > len(text) or not text[slice(*place)].strip():
            misfits.odd(where, "a place that is not in the note", "left out")
            continue
        if any(text[at - 1 : at + 1].isalpha() and 0 < at < len(text) for at in place):
            misfits.odd(where, "begins or ends inside a word")
        if [place] not in (known.mentions or []):
            known.mentions = [*(known.mentions or []), [place]]
    return list(found.values())
