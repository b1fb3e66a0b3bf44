"""Predictions as FHIR, as W3C annotations, as a table; notes as people have them."""

import base64
import csv
import io
import json

import pytest

from scl_rl.corpus.types import Document, PredictedCode, PredictedMention, Prediction
from scl_rl.errors import UserError
from scl_rl.exchange.fhir import CONFIDENCE, DERIVATION, bundle
from scl_rl.exchange.made import Made
from scl_rl.exchange.notes import STDIN, read_notes
from scl_rl.exchange.table import table
from scl_rl.exchange.w3c import collection

TEXT = "😀 Dolor fuerte y abdominal. HTN. =1+1"
MADE = Made("runs/x", at="2026-11-28T10:00:00+00:00")


def place(words):
    start = TEXT.index(words)
    return start, start + len(words)


DOCUMENTS = [Document(id="n 1", text=TEXT), Document(id="n2", text="Nothing.")]
PREDICTIONS = [
    Prediction(
        id="n 1",
        codes=[
            PredictedCode(
                code="R10.9",
                confidence=0.75,
                mentions=[
                    PredictedMention(
                        quotes=["Dolor", "abdominal"], fragments=[place("Dolor"), place("abdominal")]
                    )
                ],
            ),
            PredictedCode(
                code="I10",
                mentions=[
                    PredictedMention(quotes=["HTN"], fragments=[place("HTN")]),
                    PredictedMention(quotes=["high pressure"], fragments=None),
                ],
            ),
            PredictedCode(
                code="X0Y", mentions=[PredictedMention(quotes=["=1+1"], fragments=[place("=1+1")])]
            ),
            PredictedCode(code="R05.9", mentions=[]),
        ],
    ),
    Prediction(id="n2", codes=[]),
]


def test_the_bundle_is_fhir_r4():
    bundles = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    made = bundle(DOCUMENTS, PREDICTIONS, MADE)
    checked = bundles.Bundle.model_validate(json.loads(json.dumps(made)))
    kinds = [entry.resource.get_resource_type() for entry in checked.entry]
    assert kinds == ["DocumentReference", *["Condition"] * 4, "Provenance", "DocumentReference"]
    with pytest.raises(ValueError, match="subject"):
        del made["entry"][1]["resource"]["subject"]
        bundles.Bundle.model_validate(made)


def test_every_quote_of_a_condition_leads_to_its_words():
    entries = bundle(DOCUMENTS, PREDICTIONS, MADE)["entry"]
    by_url = {entry["fullUrl"]: entry["resource"] for entry in entries}
    assert len(by_url) == len(entries)
    quoted = []
    for entry in entries:
        for extension in entry["resource"].get("extension", ()):
            if extension["url"] != DERIVATION:
                continue
            parts = {
                part["url"]: next(v for k, v in part.items() if k != "url") for part in extension["extension"]
            }
            note = by_url[parts["reference"]["reference"]]
            text = base64.b64decode(note["content"][0]["attachment"]["data"]).decode()
            code = entry["resource"]["code"]["coding"][0]["code"]
            quoted.append((code, extension["id"], text[parts["offset"] : parts["offset"] + parts["length"]]))
    assert quoted == [
        ("R10.9", "mention-1-part-1", "Dolor"),
        ("R10.9", "mention-1-part-2", "abdominal"),
        ("I10", "mention-1-part-1", "HTN"),
        ("X0Y", "mention-1-part-1", "=1+1"),
    ]
    conditions = [e["resource"] for e in entries if e["resource"]["resourceType"] == "Condition"]
    assert {"url": CONFIDENCE, "valueDecimal": 0.75} in conditions[0]["extension"]
    assert conditions[1]["note"] == [{"text": "Quoted, but not in the document: high pressure"}]
    assert conditions[1]["code"]["coding"][0]["display"] == "Essential (primary) hypertension"
    assert "display" not in conditions[2]["code"]["coding"][0] and "extension" not in conditions[3]
    assert conditions[3]["note"] == [{"text": "No evidence found"}]
    provenance = next(e["resource"] for e in entries if e["resource"]["resourceType"] == "Provenance")
    assert [target["reference"] for target in provenance["target"]] == [e["fullUrl"] for e in entries[1:5]]
    assert bundle(DOCUMENTS, PREDICTIONS, MADE)["entry"] == entries


def test_annotations_have_position_and_quote():
    found = collection(DOCUMENTS, PREDICTIONS, MADE)
    items = found["first"]["items"]
    assert found["total"] == len(items) == 5 and len({item["id"] for item in items}) == 5
    composite, plain, lost, _, bare = (item["target"] for item in items)
    assert bare == {"source": "urn:scl-rl:note:n%201"}
    assert items[4]["body"][1]["value"] == "R05.9 Cough, unspecified (no evidence found)"
    assert composite["type"] == "Composite" and len(composite["items"]) == 2
    position, quote = plain["selector"]
    assert TEXT[position["start"] : position["end"]] == quote["exact"] == "HTN"
    assert quote["prefix"] + quote["exact"] + quote["suffix"] in TEXT
    assert plain["source"] == "urn:scl-rl:note:n%201"
    assert lost["selector"] == {"type": "TextQuoteSelector", "exact": "high pressure"}
    assert items[0]["body"][0]["value"] == "R10.9" and "confidence 0.750" in items[0]["body"][1]["value"]


def test_a_table_runs_nothing_in_a_spreadsheet():
    rows = list(csv.DictReader(io.StringIO(table(DOCUMENTS, PREDICTIONS, MADE))))
    assert [(row["code"], row["quote"], row["fragments"]) for row in rows] == [
        ("R10.9", "Dolor … abdominal", "2-7;17-26"),
        ("I10", "HTN", "28-31"),
        ("I10", "high pressure", ""),
        ("X0Y", "'=1+1", "33-37"),
        ("R05.9", "", ""),
    ]
    assert rows[0]["confidence"] == "0.7500" and rows[1]["title"] == "Essential (primary) hypertension"


def test_notes_from_a_file_and_from_a_folder(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "b.txt").write_bytes(b"\xef\xbb\xbfline\r\nother\r")
    (tmp_path / "in" / "deep" / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "in" / "c.md").write_text("no")
    assert [(d.id, d.text) for d in read_notes(tmp_path / "in")] == [("b", "line\nother\n"), ("deep/a", "x")]
    assert read_notes(tmp_path / "in" / "b.txt")[0].id == "b"
    (tmp_path / "in" / "b.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match=r"b\.txt: not UTF-8 at byte 4"):
        read_notes(tmp_path / "in")
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"has no \.txt files"):
        read_notes(tmp_path / "none")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("He has HTN.\n", [("stdin", "He has HTN.\n")]),
        ('{"id": "a", "text": "x"}\n\n{"id": "b", "text": "y"}\n', [("a", "x"), ("b", "y")]),
    ],
)
def test_notes_from_standard_input(monkeypatch, given, expected):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    assert [(d.id, d.text) for d in read_notes(STDIN)] == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b" \n", "has no text"),
        (b"\xff", "not UTF-8"),
        (b'{"id": 1}', "standard input:1: not a document"),
        (
            b'{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}',
            "standard input:2: the id 'a' is there twice",
        ),
    ],
)
def test_bad_standard_input_is_one_line(monkeypatch, given, said):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    with pytest.raises(UserError, match=said):
        read_notes(STDIN)
