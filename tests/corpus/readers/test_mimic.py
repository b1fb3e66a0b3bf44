"""MIMIC's tables, invented: each note gets the codes of its admission, and nothing is left out in silence."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents

LONG = 'Seen for "pain",\nand\r\nmore. ' + "x" * 200_000


def table(path: Path, *rows: list) -> Path:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
    data = stream.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """MIMIC-III, in small."""
    table(
        tmp_path / "NOTEEVENTS.csv",
        ["ROW_ID", "SUBJECT_ID", "HADM_ID", "CATEGORY", "ISERROR", "TEXT"],
        [1, 7, "100", "Discharge summary", "", LONG],
        [2, 7, "100", "Radiology", "", "A film."],
        [3, 8, "101", "Discharge summary", "1", "An error."],
        [4, 8, "102", "Discharge summary", "", "No codes."],
        [5, 8, "101", "Discharge summary", "", "Second."],
        [6, 8, "101", "Discharge summary", "", " "],
    )
    table(
        tmp_path / "DIAGNOSES_ICD.csv",
        ["ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE"],
        [1, 7, "100", 1, "25000"],
        [2, 7, "100", 2, "V5867"],
        [3, 7, "100", 3, "25000"],
        [4, 8, "101", 1, ""],
        [5, 8, "101", 2, "4019"],
    )
    table(tmp_path / "PROCEDURES_ICD.csv", ["HADM_ID", "ICD9_CODE"], ["101", "3601"])
    return tmp_path


def run(folder: Path, *args: str) -> Result:
    given = [str(folder / one) if one.endswith((".csv", ".gz", ".jsonl")) else one for one in args]
    return CliRunner().invoke(main, ["data", "import", "mimic", *given])


def test_mimic_3(three: Path):
    files = ("--diagnoses", "DIAGNOSES_ICD.csv", "--procedures", "PROCEDURES_ICD.csv", "--out", "out.jsonl")
    done = run(three, "NOTEEVENTS.csv", *files)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "2 documents, 4 codes, 0 mentions",
        "left out: 1 notes of another category",
        "left out: 1 notes marked as errors",
        "left out: 1 notes whose admission has no codes",
        "left out: 1 notes without text",
    ]
    first, second = read_documents(three / "out.jsonl")
    assert (first.id, first.text, first.group) == ("100-1", LONG, "7")
    assert [(a.code, a.system, a.mentions) for a in first.annotations] == [
        ("250.00", "ICD-9-CM", None),
        ("V58.67", "ICD-9-CM", None),
    ]
    assert [(a.code, a.system) for a in second.annotations] == [
        ("401.9", "ICD-9-CM"),
        ("36.01", "ICD-9-PCS"),
    ]
    done = run(three, "NOTEEVENTS.csv", *files, "--category", "radiology")
    assert done.output.startswith("1 documents, 2 codes")


def test_mimic_4_has_both_editions(tmp_path: Path):
    table(
        tmp_path / "discharge.csv.gz",
        ["note_id", "subject_id", "hadm_id", "note_type", "text"],
        ["7-DS-1", 7, "100", "DS", "One."],
        ["8-DS-1", 8, "101", "DS", "Two."],
    )
    table(
        tmp_path / "diagnoses.csv.gz",
        ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"],
        [7, "100", 1, "E119 ", 10],
        [8, "101", 1, "25000", 9],
        [8, "101", 2, "?", 9],
    )
    given = ("discharge.csv.gz", "--diagnoses", "diagnoses.csv.gz", "--out", "out.jsonl")
    done = run(tmp_path, *given)
    assert done.exit_code == 2 and "diagnoses.csv.gz:4: not a code" in done.output
    done = run(tmp_path, *given, "--drop", "--rows", "rows.jsonl")
    assert done.exit_code == 0 and "1 rows don't fit: 1 left out" in done.output
    assert json.loads((tmp_path / "rows.jsonl").read_text())["what"] == "not a code"
    both = [(d.id, [a.code for a in d.annotations]) for d in read_documents(tmp_path / "out.jsonl")]
    assert both == [("7-DS-1", ["E11.9"]), ("8-DS-1", ["250.00"])]
    done = run(tmp_path, *given, "--icd", "10")
    assert done.output == "1 documents, 1 codes, 0 mentions\nleft out: 1 notes whose admission has no codes\n"


def test_mistakes(three: Path):
    files = ("--diagnoses", "DIAGNOSES_ICD.csv", "--out", "out.jsonl")
    for name, damaged, expected in (
        ("DIAGNOSES_ICD.csv", "HADM_ID,x\n", "DIAGNOSES_ICD.csv:1: has no column icd_code"),
        ("NOTEEVENTS.csv", 'TEXT,HADM_ID\n"a"\n', "NOTEEVENTS.csv:2: 1 fields instead of 2"),
        (
            "NOTEEVENTS.csv",
            "TEXT,HADM_ID,NOTE_ID\na,100,n\nb,100,n\n",
            "NOTEEVENTS.csv:3: note n is there twice",
        ),
    ):
        before = (three / name).read_bytes()
        (three / name).write_text(damaged)
        done = run(three, "NOTEEVENTS.csv", *files)
        assert done.exit_code == 2 and expected in done.output, done.output
        assert not (three / "out.jsonl").exists()
        (three / name).write_bytes(before)
    done = run(three, "NOTEEVENTS.csv", "--out", "out.jsonl")
    assert done.exit_code == 2 and "--diagnoses: no table of codes is given" in done.output
    done = run(three, "NOTEEVENTS.csv", *files, "--icd", "10")
    assert done.exit_code == 2 and "has no codes of that edition" in done.output
