"""CodiEsp in its official layout (Miranda-Escalada et al. 2020, doi 10.5281/zenodo.3837305, CC BY 4.0).

A split is a folder with ``text_files/*.txt`` and one ``*X.tsv`` of: document, label (DIAGNOSTICO or
PROCEDIMIENTO), code, reference, ``start end[;start end…]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import Problem, UserError
from ...icd.normalise import normalised
from ..types import CODE, Annotation, Document, Fragment, Mention
from .misfits import Imported, Misfits, Policy

Kinds = Literal["diagnoses", "procedures", "both"]
SYSTEMS = {"DIAGNOSTICO": "ICD-10-CM", "PROCEDIMIENTO": "ICD-10-PCS"}
LABELS = {
    "diagnoses": {"DIAGNOSTICO"},
    "procedures": {"PROCEDIMIENTO"},
    "both": {"DIAGNOSTICO", "PROCEDIMIENTO"},
}
_CODE = re.compile(CODE)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_OFFSETS = re.compile(r"[0-9]{1,9} [0-9]{1,9}(;[0-9]{1,9} [0-9]{1,9})*")
_CASE_NUMBER = re.compile(r"-\d+$")


@dataclass(frozen=True)
class _Row:
    where: str
    document: str
    label: str
    code: str
    reference: str
    fragments: list[Fragment]


def read_codiesp(directory: Path, kinds: Kinds = "diagnoses", policy: Policy = "keep") -> Imported:
    """Read one split; its documents are sorted by id.

    Codes are upper-cased (the corpus lower-cases them); all references to a code in a document become
    mentions of one annotation, their fragments in the order annotated. A code with no mention left is
    code-only, a text without rows has no codes. A document's ``group`` is the article that it is from.

    Args:
        policy: what to do with rows that don't fit their text. By default, offsets stand where the words
            differ, and empty fragments are left out.

    Raises:
        UserError: the folder has another layout; all texts that aren't UTF-8; all rows that the policy
            refuses.
    """
    table, texts = _layout(directory)
    misfits = Misfits(policy)
    annotations: dict[str, dict[str, Annotation]] = {identifier: {} for identifier in texts}
    for row in _rows(table, misfits):
        text = texts.get(row.document)
        if text is None:
            misfits.unusable(row.where, f"there is no text_files/{row.document}.txt")
        elif row.label in LABELS[kinds]:
            mention = misfits.settle(row.where, text, row.fragments, row.reference)
            _add(annotations[row.document], row, mention)
    documents = [
        Document(
            id=identifier,
            text=text,
            annotations=list(annotations[identifier].values()),
            group=article_id(identifier),
        )
        for identifier, text in texts.items()
    ]
    return Imported(documents, misfits.finish())


def article_id(document_id: str) -> str:
    """The source article of a case; several cases can come from one (``…-1``, ``…-2``)."""
    return _CASE_NUMBER.sub("", document_id)


def _layout(directory: Path) -> tuple[Path, dict[str, str]]:
    """The table of a split and its texts by document, sorted."""
    if not (directory / "text_files").is_dir():
        inside = sorted(p.name for p in directory.glob("*") if (p / "text_files").is_dir())
        hint = f"name a split: {', '.join(str(directory / name) for name in inside)}" if inside else ""
        raise UserError(Problem(str(directory), "has no folder text_files", hint))
    tables = sorted(directory.glob("*X.tsv"))
    if len(tables) != 1:
        raise UserError(Problem(str(directory), f"has {len(tables)} files *X.tsv instead of one"))
    texts = {}
    problems = []
    for path in sorted((directory / "text_files").glob("*.txt")):
        try:
            # Offsets count characters of the file as it is: line ends are not to be touched.
            texts[path.stem] = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append(Problem(str(path), f"not UTF-8 at byte {error.start + 1}"))
    if problems:
        raise UserError(*problems)
    return tables[0], texts


def _rows(table: Path, misfits: Misfits) -> Iterator[_Row]:
    try:
        lines = table.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(Problem(str(table), f"not UTF-8 at byte {error.start + 1}")) from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{table}:{number}"
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 5:
            misfits.unusable(where, f"{len(fields)} tab-separated fields instead of 5")
        elif fields[1] not in SYSTEMS:
            misfits.unusable(where, f"the label is {_shown(fields[1])}", f"expected {' or '.join(SYSTEMS)}")
        elif not _CODE.fullmatch(fields[2]):
            misfits.unusable(where, f"{_shown(fields[2])} is not a code")
        elif not _OFFSETS.fullmatch(fields[4].strip()):
            misfits.unusable(
                where, f"the offsets are {_shown(fields[4])}", "expected 'start end[;start end]'"
            )
        else:
            pairs = [pair.split(" ") for pair in fields[4].strip().split(";")]
            fragments = [(int(start), int(end)) for start, end in pairs]
            if any(start > end for start, end in fragments):
                misfits.unusable(where, f"the offsets '{fields[4]}' run backwards")
                continue
            code = normalised(fields[2], SYSTEMS[fields[1]])
            yield _Row(where, fields[0], fields[1], code, fields[3], fragments)


def _shown(field: str) -> str:
    """A field that is wrong, as messages may show it: with words in it, it may be the note's."""
    return f"a text of {len(field)} characters" if _LETTERS.search(field) else f"'{field}'"


def _add(annotations: dict[str, Annotation], row: _Row, mention: Mention | None) -> None:
    """A mention more for its code, unless the code has it or there is none."""
    known = annotations.setdefault(
        row.code, Annotation(code=row.code, system=SYSTEMS[row.label], mentions=None)
    )
    if mention and mention not in (known.mentions or []):
        known.mentions = [*(known.mentions or []), mention]
