"""``scl-rl predict`` and ``cite`` with a random model, on the forms of input and output."""

import csv
import io
import json

import pytest
from click.testing import CliRunner

from scl_rl.cli.explain import explain
from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_predictions, write_jsonl
from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction
from scl_rl.modeling.load import CARD, ModelCard
from tests.support.tiny import make_tiny_model

NOTE = "He has HTN and a cough."


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A random model with the card of a trained one."""
    folder = make_tiny_model(tmp_path_factory.mktemp("model") / "tiny", seed=2)  # it writes some codes
    card = ModelCard(base="tiny", dtype="float32", template="{text}\n", chat=False, answer="lines")
    (folder / CARD).write_text(card.model_dump_json())
    return folder


def call(*arguments, given=None):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=given)


def test_cite_finds_words_for_the_codes_of_each_note(model, tmp_path):
    notes = [
        Document(id="a", text=NOTE, annotations=[Annotation(code="I10", mentions=None)]),
        Document(id="b", text="No fever.", annotations=[]),
        Document(
            id="c", text="Asthma.", annotations=[Annotation(code=c, mentions=None) for c in ("J45", "I10")]
        ),
    ]
    write_jsonl(tmp_path / "notes.jsonl", [notes[0], notes[2]])
    out = tmp_path / "out.jsonl"
    options = ["--max-new-tokens", 40, "--out", out, "--json"]
    done = call("cite", "--model", model, "--documents", tmp_path / "notes.jsonl", *options)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    first, second = read_predictions(out, [notes[0], notes[2]])
    assert [code.code for code in first.codes] == ["I10"]
    assert [code.code for code in second.codes] == ["J45", "I10"]
    bare = sum(not code.mentions for one in (first, second) for code in one.codes)
    assert figures == {"documents": 2, "codes": 3, "without_evidence": bare}
    assert all(m.fragments for one in (first, second) for code in one.codes for m in code.mentions)
    write_jsonl(tmp_path / "notes.jsonl", notes)
    done = call("cite", "--model", model, "--documents", tmp_path / "notes.jsonl", *options)
    assert done.exit_code == 2 and "1 notes have no codes, the first is 'b'" in done.output


SUMMARY = """DISCHARGE SUMMARY

Chief complaint: chest pain and SOB x 3 days.
HPI: 74 y.o. woman with HTN, T2DM (A1c 8.1%), CKD stage 3 and AF on warfarin, p/w pleuritic chest pain.
Mother had breast cancer. Denies fever; no cough. Ex-smoker, 30 pack-years.
Hospital course: CXR showed RLL infiltrate, treated for CAP w/ ceftriaxone + azithromycin. Na 128 -> 134.
Acute kidney injury on CKD resolved with fluids. INR 4.2 on admission, warfarin held.

Discharge diagnoses: 1) community-acquired pneumonia 2) hyponatraemia 3) AKI. Follow-up in 2 wks.
"""
GIVEN = ["J18.9", "I10", "E11.22", "N18.30", "I48.91", "E87.1", "N17.9", "Z87.891", "Z79.01", "S72.001A"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "fhir", "w3c"])
def test_every_code_of_a_discharge_summary_is_written(model, tmp_path, form):
    (tmp_path / "summary.txt").write_text(SUMMARY * 2, encoding="utf-8")
    out = tmp_path / "out"
    given = ["--documents", tmp_path / "summary.txt", "--codes", ", ".join([*GIVEN, "I10"]), "--window", 300]
    done = call("cite", "--model", model, *given, "--format", form, "--out", out, "--explain", "--json")
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    if form == "jsonl":
        (prediction,) = read_predictions(out)
        written = [code.code for code in prediction.codes]
        found = {code.code for code in prediction.codes if code.mentions}
        assert all(mention.fragments for code in prediction.codes for mention in code.mentions)
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        written = list(dict.fromkeys(row["code"] for row in rows))
        found = {row["code"] for row in rows if row["fragments"]}
        assert all(bool(row["quote"]) == bool(row["fragments"]) for row in rows)
    elif form == "fhir":
        resources = [entry["resource"] for entry in json.loads(text)["entry"]]
        conditions = {
            r["code"]["coding"][0]["code"]: r for r in resources if r["resourceType"] == "Condition"
        }
        written = list(conditions)
        found = {code for code, one in conditions.items() if "extension" in one}
        bare = [one["note"] for one in conditions.values() if "extension" not in one]
        assert all(note == [{"text": "No evidence found"}] for note in bare)
    else:
        items = json.loads(text)["first"]["items"]
        written = list(dict.fromkeys(item["body"][0]["value"] for item in items))
        found = {item["body"][0]["value"] for item in items if "no evidence found" not in str(item["body"])}
    assert written == GIVEN
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures == {"documents": 1, "codes": len(GIVEN), "without_evidence": len(set(GIVEN) - found)}
    assert done.stdout.count("no evidence found") == len(set(GIVEN) - found)


def test_votes_need_windows_that_overlap(model, tmp_path):
    (tmp_path / "note.txt").write_text(NOTE)
    given = ["predict", "--model", model, "--documents", tmp_path / "note.txt", "--max-new-tokens", 4]
    done = call(*given, "--votes", 2)
    assert done.exit_code == 2 and "error: --votes: only windows that overlap can agree" in done.output
    assert call(*given, "--votes", 2, "--overlap", 8, "--window", 16).exit_code == 0


def test_a_text_on_standard_input_to_a_table_on_standard_output(model, capfd):
    options = ["--documents", "-", "--codes", "I10, R05.9", "--format", "csv", "--max-new-tokens", 40]
    done = call("cite", "--model", model, *options, given=NOTE)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert {(row["id"], row["code"]) for row in rows} == {("stdin", "I10"), ("stdin", "R05.9")}
    assert "1 documents, 2 codes" in done.stderr
    done = call("cite", "--model", model, "--documents", "-", "--codes", "I10,,", given=NOTE)
    assert done.exit_code == 2 and "'I10,,' is not a list of codes" in done.output


@pytest.mark.parametrize("form", ["jsonl", "csv", "fhir", "w3c"])
def test_predict_writes_every_form_of_a_folder_of_notes(model, tmp_path, form):
    (tmp_path / "notes").mkdir()
    for name in ("a", "b"):
        (tmp_path / "notes" / f"{name}.txt").write_text(NOTE)
    out = tmp_path / "out"
    options = ["--format", form, "--out", out, "--max-new-tokens", 8]
    done = call("predict", "--model", model, "--documents", tmp_path / "notes", *options)
    assert done.exit_code == 0, done.output
    text = out.read_text()
    if form == "jsonl":
        assert [json.loads(line)["id"] for line in text.splitlines()] == ["a", "b"]
    elif form == "csv":
        assert text.startswith("id,code,system,title,confidence,quote,fragments\n")
    else:
        assert json.loads(text)["resourceType" if form == "fhir" else "type"] in (
            "Bundle",
            "AnnotationCollection",
        )
    assert out.stat().st_mode & 0o077 == 0
    inside = ["--documents", tmp_path / "notes", "--out", tmp_path / "notes" / "a.txt"]
    assert "it would be lost" in call("predict", "--model", model, *inside).output


def test_a_note_is_explained_with_its_evidence_marked():
    cough = PredictedMention(quotes=["dry cough"], fragments=None)
    codes = [
        PredictedCode(
            code="I10", confidence=0.5, mentions=[PredictedMention(quotes=["HTN"], fragments=[(7, 10)])]
        ),
        PredictedCode(code="R05.9", mentions=[cough]),
    ]
    stream = io.StringIO()
    documents = [Document(id="a\x1b[31m", text=f"{NOTE}\x1b]0;x\x07\nEnd."), Document(id="b", text="x")]
    explain(stream, documents, [Prediction(id="a", codes=codes), Prediction(id="b", codes=[])])
    shown = stream.getvalue()
    assert "He has [HTN|I10] and a cough." in shown and "\x1b" not in shown and "\x07" not in shown
    assert 'Essential (primary) hypertension; confidence 0.50; "HTN"' in shown
    assert '"dry cough" is not in the note' in shown and "no codes" in shown


def test_confidences_are_calibrated_on_gold(model, tmp_path):
    gold = [
        Document(id=f"g{n}", text=NOTE, annotations=[Annotation(code="I10", mentions=[[(7, 10)]])])
        for n in range(30)
    ]
    write_jsonl(tmp_path / "gold.jsonl", gold)
    (tmp_path / "codes.txt").write_text("I10\nR05.9\n")
    (tmp_path / "note.txt").write_text(NOTE)
    held = ["--decoding", "constrained", "--codes", tmp_path / "codes.txt", "--max-new-tokens", 64]
    common = ["predict", "--model", model, "--documents", tmp_path / "note.txt", *held, "--json"]
    out = tmp_path / "out.jsonl"
    done = call(*common, "--out", out, "--confidence")
    assert done.exit_code == 0, done.output
    (raw,) = read_predictions(out)
    assert raw.codes and all(0 <= code.confidence <= 1 for code in raw.codes)
    many = ["--calibrate", tmp_path / "gold.jsonl", "--reliability", tmp_path / "curve.svg"]
    done = call(*common, "--out", out, *many)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)["reliability"]
    assert figures["after"]["codes"] == figures["before"]["codes"] >= 20
    assert figures["after"]["ece"] <= figures["before"]["ece"] + 0.05
    assert (tmp_path / "curve.svg").read_bytes().startswith(b"<?xml")
    assert [code.code for code in read_predictions(out)[0].codes] == [code.code for code in raw.codes]


def test_a_reliability_diagram_needs_something_to_show(model, tmp_path):
    (tmp_path / "note.txt").write_text(NOTE)
    common = ["predict", "--model", model, "--documents", tmp_path / "note.txt", "--out", tmp_path / "o"]
    done = call(*common, "--reliability", tmp_path / "x.svg")
    assert done.exit_code == 2 and "--reliability: needs --calibrate" in done.output
    done = call(*common, "--calibrate", tmp_path / "note.txt", "--reliability", tmp_path / "x.pdf")
    assert done.exit_code == 2 and "ends in neither .svg nor .png" in done.output
