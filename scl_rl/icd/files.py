"""Code sets from files: those of CMS, MIMIC's dictionaries, or any table of codes and titles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import Problem, UserError
from ..table_files import file_bytes, read_rows
from .normalise import ICD_9_CM, ICD_9_PCS, ICD_10_CM, SYSTEMS, normalised, system_name
from .systems import CodeList, CodeSystem, Icd10Cm, Listed

_ORDER = re.compile(
    r"\d{5} (\S{3,7}) +([01]) (.{60}) (.*)"
)  # icd10cm_order_2026.txt, icd10pcs_order_2026.txt
_CODES = re.compile(r"([A-Z0-9.]{2,8}) +(\S.*)")  # icd10pcs_codes_2026.txt, CMS32_DESC_LONG_DX.txt
_COLUMNS = {"code": ("code", "icd_code", "icd9_code", "icd10_code")}
_OPTIONAL = {
    "title": ("title", "long_title", "description", "long_description", "short_title"),
    "version": ("icd_version",),
}
_MOST = 20


def code_systems(files: dict[str, Path]) -> dict[str, CodeSystem]:
    """ICD-10-CM and CIE-10-ES, and the code systems of files by their names; a file may replace ours.

    Raises:
        UserError: a file is malformed.
    """
    known: dict[str, CodeSystem] = {name: Icd10Cm(name) for name in SYSTEMS[:2]}
    return known | {(name := system_name(given)): read_code_list(path, name) for given, path in files.items()}


def read_code_list(path: Path, system: str) -> CodeList:
    """The codes of a file.

    These layouts are told apart by the first line: the order files and the code lists of CMS (fixed columns),
    ``code<TAB>title``, and CSV or TSV with a header that has a column ``code`` or ``icd_code`` (MIMIC's, of
    which only the rows of the system's version count). Codes are normalised.

    Raises:
        UserError: the file can't be read, has no codes, or has malformed lines, all with their numbers.
    """
    table = _has_header(_lines(path)[0])
    listed = dict(_from_table(path, system)) if table else _listed(path, system)
    if not listed:
        raise UserError(Problem(str(path), f"has no codes of {system}"))
    return CodeList(system, listed)


def _listed(path: Path, system: str) -> dict[str, Listed]:
    """The codes of a file without a header."""
    problems: list[Problem] = []
    listed: dict[str, Listed] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        if order := _ORDER.fullmatch(line):
            listed[normalised(order[1], system)] = Listed(order[4].strip(), order[2] == "1")
            continue
        found = _CODES.fullmatch(line)
        code, _, title = (found[1], "", found[2]) if found else line.partition("\t")
        if code.strip() and title.strip():
            listed[normalised(code, system)] = Listed(title.strip(), None)
        else:
            problems.append(
                Problem(f"{path}:{number}", "is not a code and its title", "separate them by a tab")
            )
    if problems:
        raise UserError(*problems[:_MOST])
    return listed


def _from_table(path: Path, system: str) -> Iterator[tuple[str, Listed]]:
    """The codes of a table with a header."""
    version = {ICD_9_CM: "9", ICD_9_PCS: "9", ICD_10_CM: "10"}.get(system, "10")
    for _, row in read_rows(path, _COLUMNS, _OPTIONAL):
        if row["code"].strip() and row.get("version", version).strip() == version:
            yield normalised(row["code"], system), Listed(row.get("title", "").strip(), None)


def _has_header(line: str) -> bool:
    names = {name.strip().strip('"').lower() for name in re.split(r"[,\t]", line)}
    return not names.isdisjoint(_COLUMNS["code"])


def _lines(path: Path) -> list[str]:
    """The lines of a file; some of CMS's are in Latin-1."""
    data = file_bytes(path).removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return [line.rstrip("\r") for line in text.split("\n")]
