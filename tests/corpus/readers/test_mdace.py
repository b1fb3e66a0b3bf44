"""MDACE on invented notes: every annotation is where it was made, and nothing is lost in silence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents, read_spans
from scl_rl.corpus.readers.mdace import read_mdace
from scl_rl.scoring import GoldDocument

ONE = 'Seen for "chest pain", HTN.\nTHREE\r\nlines, é and 😀 fever.\n' + "x" * 200_000
TWO = "Asthma; asthma stable."


def mark(text: str, words: str, code: str, system: str = "ICD-10-CM", at: int = 0) -> dict[str, Any]:
    begin = text.index(words, at)
    kind = "MapType.APPROX"
    return {"begin": begin, "end": begin + len(words), "code": code, "code_system": system, "type": kind}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two admissions with three notes, one of another category, among notes that nobody wants."""
    notes = [
        {
            "note_id": 11,
            "category": "Discharge summary",
            "annotations": [
                mark(ONE, "chest pain", "r07.9"),
                mark(ONE, "fever", "R50.9"),
                mark(ONE, "HTN", "I10"),
                mark(ONE, "HTN", "401.9", "ICD-9-CM"),
                mark(ONE, "ines", "Z00.0"),
                {"begin": 10**7, "end": 10**7 + 3, "code": "E11.9", "code_system": "ICD-10-CM"},
            ],
        },
        {"note_id": 12, "category": "Physician", "annotations": [mark(TWO, "Asthma", "J45.909")]},
    ]
    folder = tmp_path / "annotations" / "1.0"
    folder.mkdir(parents=True)
    (folder / "1-ICD-10.json").write_text(json.dumps({"hadm_id": 1, "comment": "", "notes": notes}))
    both = [mark(TWO, "Asthma", "J45.909"), mark(TWO, "asthma", "J45.909")]
    second = [{"note_id": 21, "category": "Discharge summary", "annotations": both}]
    (folder / "2-ICD-10.json").write_text(json.dumps({"hadm_id": 2, "notes": second}))
    with (tmp_path / "NOTEEVENTS.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        table.writerow(["ROW_ID", "SUBJECT_ID", "HADM_ID", "CATEGORY", "TEXT"])
        for row, text in ((5, 'other "note"'), (21, TWO), (11, ONE), (12, TWO), (9, "last")):
            table.writerow([row, 1, 1, "Discharge summary", text])
    (tmp_path / "split.csv").write_text("2\n")
    return tmp_path


def imported(place: Path, *options: str) -> Result:
    files = ["--noteevents", str(place / "NOTEEVENTS.csv"), "--out", str(place / "out.jsonl")]
    given = ["data", "import", "mdace", str(place / "annotations"), *files, *options]
    return CliRunner().invoke(main, given)


def test_every_annotation_is_where_it_was_made(place: Path) -> None:
    result = imported(place, "--spans", str(place / "spans.jsonl"))
    assert result.exit_code == 0
    lines = [line.replace(str(place), "").strip() for line in result.output.splitlines()]
    file, inside = "/annotations/1.0/1-ICD-10.json: note 11", ONE.index("ines")
    assert lines == [
        "3 documents, 7 codes, 7 mentions, 7 spans",
        "3 rows don't fit: 2 left out, 1 kept",
        f"{file} at {ONE.index('HTN')}: a code of ICD-9-CM: left out",
        f"{file} at 10000000: a place that is not in the note: left out",
        f"{file} at {inside}: begins or ends inside a word: kept",
    ]
    documents = {document.id: document for document in read_documents(place / "out.jsonl")}
    assert list(documents) == ["1-11", "1-12", "2-21"]
    one = documents["1-11"]
    assert one.text == ONE
    words = {
        a.code: a.mentions and [ONE[start:end] for [(start, end)] in a.mentions]
        for a in one.annotations or ()
    }
    assert words == {
        "R07.9": ["chest pain"],
        "R50.9": ["fever"],
        "I10": ["HTN"],
        "Z00.0": ["ines"],
        "E11.9": None,
    }
    [asthma] = documents["2-21"].annotations or ()
    assert asthma.mentions == [[(0, 6)], [(8, 14)]]
    assert {span.text for span in read_spans(place / "spans.jsonl")} >= {"chest pain", "asthma", "fever"}
    gold = GoldDocument(TWO, [asthma])
    assert len(gold.gold_answer().lines) == 1


def test_icd_9_and_cpt_are_read_where_they_are_asked_for(place: Path) -> None:
    marks = [mark(TWO, "Asthma", "493.90", "ICD-9-CM"), mark(TWO, "stable", "99213", "CPT")]
    notes = [{"note_id": 21, "category": "Discharge summary", "annotations": marks}]
    (place / "annotations" / "2-ICD-9.json").write_text(json.dumps({"hadm_id": 2, "notes": notes}))
    for options, expected in (
        ([], {"J45.909"}),
        (["--cpt"], {"J45.909", "99213"}),
        (["--icd", "9"], {"493.90"}),
        (["--icd", "9", "--cpt", "--strict"], {"493.90", "99213"}),
    ):
        result = imported(place, *options, "--split", str(place / "split.csv"))
        assert result.exit_code == 0, result.output
        (document,) = read_documents(place / "out.jsonl")
        assert {annotation.code for annotation in document.annotations or ()} == expected
        assert document.model_extra == {
            "group": "2",
            "category": "Discharge summary",
            "description": "",
        }


def test_a_place_that_is_not_in_the_note_is_refused_by_strict(place: Path) -> None:
    result = imported(place, "--strict")
    assert result.exit_code == 2 and result.output.count("error: ") == 2
    assert "at 10000000: a place that is not in the note" in result.output
    assert not (place / "out.jsonl").exists()


def test_a_split_and_a_category(place: Path) -> None:
    assert imported(place, "--split", str(place / "split.csv")).output.startswith(
        "1 documents, 1 codes, 2 mentions"
    )
    assert imported(place, "--category", "Physician").output.startswith("1 documents, 1 codes, 1 mentions")
    result = imported(place, "--category", "Phisician")
    assert result.exit_code == 2 and "has no annotated notes of that split and category" in result.output


def test_what_is_wrong_is_told_without_the_notes_words(place: Path) -> None:
    table = place / "NOTEEVENTS.csv"
    rows = table.read_text(encoding="utf-8")
    table.write_text(rows.replace("21,1,1,", "22,1,1,"), encoding="utf-8", newline="")
    result = imported(place)
    assert result.exit_code == 2 and "1 of 3 annotated notes are not in it" in result.output
    table.write_text("a,b\n1,2\n")
    result = imported(place)
    assert result.exit_code == 2 and "NOTEEVENTS.csv:1: has no column ROW_ID" in result.output
    (place / "annotations" / "1.0" / "3.json").write_text('{"hadm_id": 3, "notes": [{"note_id": "x"}]}')
    (place / "annotations" / "1.0" / "4.json").write_text("{")
    result = imported(place)
    assert result.exit_code == 2 and result.output.count("\n") == 2
    assert "3.json: notes.0.note_id: " in result.output and "4.json: Invalid JSON" in result.output
    assert "Traceback" not in result.output


@pytest.mark.mdace
def test_the_real_annotations_on_made_notes(mdace_dir: Path, tmp_path: Path) -> None:
    """All annotations of the 302 inpatient charts, on notes that are as long as they must be."""
    annotations = mdace_dir / "data" / "Inpatient" / "ICD-10"
    admissions = [json.loads(file.read_text()) for file in annotations.rglob("*.json")]
    notes = [note for admission in admissions for note in admission["notes"]]
    assert len(admissions) == 302
    with (tmp_path / "NOTEEVENTS.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        table.writerow(["ROW_ID", "SUBJECT_ID", "HADM_ID", "CATEGORY", "TEXT"])
        for note in notes:
            length = max((mark["end"] for mark in note["annotations"]), default=1)
            table.writerow([note["note_id"], 1, 1, note["category"], '. "x"\n' * (length // 6 + 1)])
    found = {}
    for split in ("", "train", "val", "test"):
        file = mdace_dir / "splits" / "Inpatient" / f"MDace-ev-{split}.csv"
        found[split] = read_mdace(annotations, tmp_path / "NOTEEVENTS.csv", file if split else None)
    whole = found.pop("")
    other = [misfit for misfit in whole.misfits if misfit.what == "a code of ICD-9-CM"]
    mentions = sum(len(a.mentions or ()) for d in whole.documents for a in d.annotations or ())
    assert (len(whole.documents), mentions, len(other)) == (604, 3934, 2)
    charts = {split: len({d.group for d in read.documents}) for split, read in found.items()}
    assert charts == {"train": 181, "val": 60, "test": 61}
