"""MDACE's inpatient annotations (Cheng et al., ACL 2023; MIT), put on the notes of MIMIC-III.

An annotation file is an admission: its notes by their rows of NOTEEVENTS.csv, each with annotations of
``begin``, ``end``, ``code`` and ``code_system``. The notes come from PhysioNet, and none is shipped.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import Problem, UserError
from ..types import CODE, Annotation, Document

SYSTEMS = ("ICD-10-CM", "ICD-10-PCS")
_CODE = re.compile(CODE)


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
    annotations: list[_Mark]


class _Admission(BaseModel):
    model_config = ConfigDict(extra="ignore")

    hadm_id: int
    notes: list[_Note]


@dataclass(frozen=True)
class MdaceImport:
    """The annotated notes, by admission and note, and how many annotations are odd in what way."""

    documents: list[Document]
    odd: Counter[str]


def read_mdace(
    annotations: Path, noteevents: Path, split: Path | None = None, category: str | None = None
) -> MdaceImport:
    """The notes that MDACE annotates, with their codes; a document's id is ``<admission>-<note>``.

    Annotations of another system than ICD-10 are left out; a code whose place is not in the note is
    code-only; both are counted. So are places that begin or end inside a word, and they stand: a few are
    slips of the annotators, many mean that the notes are not as MDACE saw them.

    Args:
        annotations: the folder with the files of ICD-10 annotations, at any depth.
        noteevents: MIMIC-III's NOTEEVENTS.csv, read line by line.
        split: a file with an admission a line; absent = all.
        category: of the notes, such as "Discharge summary"; absent = all.

    Raises:
        UserError: a file is malformed, or annotated notes are not in NOTEEVENTS.csv.
    """
    admissions = list(_admissions(annotations, split))
    wanted = {
        note.note_id: (admission.hadm_id, note)
        for admission in admissions
        for note in admission.notes
        if category is None or note.category == category
    }
    if not wanted:
        raise UserError(Problem(str(annotations), "has no annotated notes of that split and category"))
    texts = _texts(noteevents, wanted)
    lacking = len(wanted) - len(texts)
    if lacking:
        what = f"{lacking} of {len(wanted)} annotated notes are not in it"
        raise UserError(Problem(str(noteevents), what, "MDACE annotates MIMIC-III 1.4"))
    odd: Counter[str] = Counter()
    documents = [
        Document(
            id=f"{admission}-{number}", text=texts[number], annotations=_annotations(note, texts[number], odd)
        )
        for number, (admission, note) in sorted(wanted.items(), key=lambda one: (one[1][0], one[0]))
    ]
    return MdaceImport(documents, odd)


def _admissions(folder: Path, split: Path | None) -> Iterator[_Admission]:
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
            yield admission
    if problems:
        raise UserError(*problems)


def _numbers(file: Path) -> set[int]:
    try:
        return {int(line) for line in file.read_text(encoding="utf-8-sig").split()}
    except ValueError:
        raise UserError(Problem(str(file), "is not a list of admissions", "one number per line")) from None


def _texts(file: Path, wanted: Mapping[int, Any]) -> dict[int, str]:
    """The texts of the wanted notes; line ends are as in the file, for offsets count them."""
    texts: dict[int, str] = {}
    with _long_fields(), file.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        columns = {(name or "").upper(): name for name in rows.fieldnames or ()}
        if not {"ROW_ID", "TEXT"} <= set(columns):
            raise UserError(Problem(f"{file}:1", "has no columns ROW_ID and TEXT", "is it NOTEEVENTS.csv?"))
        try:
            for row in rows:
                number = row[columns["ROW_ID"]]
                if number.isdigit() and int(number) in wanted:
                    texts[int(number)] = row[columns["TEXT"]] or ""
                    if len(texts) == len(wanted):
                        break
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(Problem(f"{file}:{rows.line_num}", f"can't be read: {error}")) from None
    return texts


@contextmanager
def _long_fields() -> Iterator[None]:
    """Notes are longer than what the csv module takes for a field."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _annotations(note: _Note, text: str, odd: Counter[str]) -> list[Annotation]:
    found: dict[tuple[str, str], Annotation] = {}
    for mark in note.annotations:
        code = mark.code.strip().upper()
        if mark.code_system not in SYSTEMS or not _CODE.fullmatch(code):
            odd[f"of {mark.code_system or 'no system'}, left out"] += 1
            continue
        known = found.setdefault(
            (code, mark.code_system), Annotation(code=code, system=mark.code_system, mentions=None)
        )
        place = (mark.begin, mark.end)
        if not text[slice(*place)].strip() or mark.end > len(text):
            odd["at a place that is not in the note"] += 1
            continue
        if any(text[at - 1 : at + 1].isalpha() and 0 < at < len(text) for at in place):
            odd["beginning or ending inside a word"] += 1
        if [place] not in (known.mentions or []):
            known.mentions = [*(known.mentions or []), [place]]
    return list(found.values())
