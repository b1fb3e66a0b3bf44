"""Reading, windows and CodiEsp: nothing is lost in silence, and every mistake says where it is."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scl_rl.answer import parse, render
from scl_rl.corpus.jsonl import read_documents, read_predictions, read_spans, write_jsonl
from scl_rl.corpus.readers.codiesp import article_id, read_codiesp
from scl_rl.corpus.spans import spans_of
from scl_rl.corpus.types import Annotation, Document
from scl_rl.corpus.windows import lost_mentions, merge_windows, sentences, split_windows
from scl_rl.errors import UserError
from scl_rl.metrics.report import evaluate_predictions
from scl_rl.scoring import GoldDocument

GOOD = {"id": "a", "text": "He has HTN.", "annotations": [{"code": "I10", "mentions": [[[7, 10]]]}]}


def file_of(tmp_path: Path, *lines) -> Path:
    path = tmp_path / "file.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


def complaints(read, path) -> list[str]:
    with pytest.raises(UserError) as raised:
        read(path)
    return [str(problem).removeprefix(str(path)) for problem in raised.value.problems]


def changed(**changes):
    return {**GOOD, **changes}


def mention(*fragments):
    return changed(annotations=[{"code": "I10", "mentions": [list(fragments)]}])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"id": "a",', "not JSON: Expecting property name enclosed in double quotes at column 12"),
        (b"[1]", "expected a JSON object"),
        (
            b'{"id": "a", "text": "", "annotations": [], "annotations": []}',
            "key 'annotations' is given twice",
        ),
        (b'{"id": "a", "text": "\xff"}', "not UTF-8 at byte 22 of the line"),
        (
            b'{"id": "a", "text": "\\ud800"}',
            "a \\ud800-\\udfff escape without its pair, which is no character",
        ),
        (b'{"id": "a", "text": NaN}', "not JSON: NaN"),
        ({"id": "a", "txt": "x"}, "'text' is missing (did you mean 'txt'?)"),
        (changed(id=7), "'id': input should be a valid string"),
        (changed(annotations=[{"code": "I10"}]), "'annotations[0].mentions' is missing"),
        (mention([7, 99]), "code I10 has a fragment [7, 99] outside the text of 11 characters"),
        (mention([-1, 3]), "code I10 has a fragment [-1, 3] outside the text of 11 characters"),
        (mention([7, 7]), "code I10 has a fragment [7, 7] that is empty or backwards"),
        (mention(["7", 9]), "'annotations[0].mentions[0][0][0]': input should be a valid integer"),
        (mention([True, 9]), "'annotations[0].mentions[0][0][0]': input should be a valid integer"),
        (mention(), "code I10 has a mention without fragments"),
        (
            changed(annotations=[{"code": "I10", "mentions": []}]),
            "code I10 has no mentions (write null if its evidence was never annotated)",
        ),
    ],
)
def test_a_malformed_line_says_what_is_wrong(tmp_path, line, complaint):
    path = file_of(tmp_path, {**GOOD, "id": "first"}, b"", line)
    assert complaints(read_documents, path) == [f":3: {complaint}"]


def test_all_mistakes_are_reported_at_once(tmp_path):
    path = file_of(tmp_path, GOOD, b"{", GOOD, mention([7, 99]))
    assert complaints(read_documents, path) == [
        ":2: not JSON: Expecting property name enclosed in double quotes at column 2",
        ":3: id 'a' is already on line 1",
        ":4: code I10 has a fragment [7, 99] outside the text of 11 characters",
        ":4: id 'a' is already on line 1",
    ]
    many = complaints(read_documents, file_of(tmp_path, *[b"{"] * 50))
    assert len(many) == 21
    assert many[-1] == ": and 30 more mistakes"


def test_files_that_are_not_there_or_empty(tmp_path):
    assert complaints(read_documents, tmp_path / "no") == [": there is no such file"]
    assert complaints(read_spans, file_of(tmp_path, b"\n\n")) == [": has no spans"]
    assert complaints(read_documents, tmp_path) == [": can't be read: Is a directory"]


def test_predictions_are_checked_against_their_documents(tmp_path):
    documents = [Document.model_validate(GOOD)]

    def said(identifier, quotes, fragments):
        mentions = [{"quotes": quotes, "fragments": fragments}]
        return {"id": identifier, "codes": [{"code": "I10", "mentions": mentions}]}

    def read(path):
        return read_predictions(path, documents)

    assert complaints(read, file_of(tmp_path, said("b", ["x"], None))) == [":1: there is no document 'b'"]
    assert complaints(read, file_of(tmp_path, said("a", ["x"], [[0, 99]]))) == [
        ":1: code I10 has a fragment [0, 99] outside the text of 11 characters"
    ]
    assert complaints(read, file_of(tmp_path, said("a", ["x", "y"], [[0, 1]]))) == [
        ":1: code I10 has a mention with 2 quotes and 1 fragments"
    ]
    assert read(file_of(tmp_path, said("a", ["x"], None)))[0].codes[0].mentions[0].fragments is None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(st.lists(texts, min_size=1, max_size=5))
def test_any_text_survives_writing_and_reading(tmp_path_factory, notes):
    path = tmp_path_factory.getbasetemp() / "texts.jsonl"
    documents = [
        Document.model_validate({"id": f"d{number}", "text": text, "kept": {"extra": text}})
        for number, text in enumerate(notes)
    ]
    write_jsonl(path, documents)
    assert read_documents(path) == documents


def test_code_only_and_unlabelled_documents_stay_apart(tmp_path):
    path = tmp_path / "d.jsonl"
    documents = [
        Document(id="code-only", text="x", annotations=[Annotation(code="I10", mentions=None)]),
        Document(id="unlabelled", text="x"),
        Document(id="no codes", text="x", annotations=[]),
    ]
    write_jsonl(path, documents)
    assert [json.loads(line).get("annotations", "absent") for line in path.read_text().splitlines()] == [
        [{"code": "I10", "system": "ICD-10-CM", "mentions": None}],
        "absent",
        [],
    ]
    assert read_documents(path) == documents


@st.composite
def annotated(draw):
    text = draw(st.text(st.sampled_from("aB. \n1é😀"), min_size=1, max_size=120))
    start = st.integers(0, len(text) - 1)
    fragment = start.flatmap(lambda s: st.tuples(st.just(s), st.integers(s + 1, min(len(text), s + 6))))
    mentions = st.lists(st.lists(fragment, min_size=1, max_size=2), min_size=1, max_size=4)
    codes = draw(st.dictionaries(st.sampled_from(["I10", "J45"]), mentions))
    return Document(
        id="d",
        text=text,
        annotations=[Annotation(code=code, mentions=found) for code, found in codes.items()],
    )


@given(annotated(), st.integers(1, 60))
def test_windows_tile_the_document_and_lose_no_mention_in_silence(document, limit):
    windows = split_windows(document, limit)
    assert "".join(window.text for window in windows) == document.text
    assert all(len(window.text) <= limit and window.text for window in windows)
    inside = [
        (a.code, [(s + w.start, e + w.start) for s, e in m])
        for w in windows
        for a in w.annotations
        for m in a.mentions
    ]
    everything = [(a.code, m) for a in document.annotations for m in a.mentions]
    assert len(everything) == len(inside) + lost_mentions(document, windows)
    assert all(item in everything for item in inside)


@given(annotated(), st.integers(8, 60))
def test_gold_of_windows_merges_into_gold_of_the_document(document, limit):
    windows = split_windows(document, limit)
    read = []
    for window in windows:
        gold = GoldDocument(window.text, window.annotations)
        read.append((window, gold.predict("d", parse(render(gold.gold_answer())))))
    merged = merge_windows("d", read)
    for code in merged.codes:
        known = next(a.mentions for a in document.annotations if a.code == code.code)
        assert all(m.fragments in known for m in code.mentions)


def test_sentences_of_clinical_text():
    text = "Dr. Smith saw 2.5 mg. Pt. is well.\nNo fever! ¿Tos? Sí."
    assert [text[s:e] for s, e in sentences(text)] == [
        "Dr. Smith saw 2.5 mg. ",
        "Pt. is well.\n",
        "No fever! ",
        "¿Tos? ",
        "Sí.",
    ]


def test_a_megabyte_without_a_line_break_is_cut_in_time():
    started = time.perf_counter()
    windows = split_windows(Document(id="d", text="word " * 200_000), 500)
    assert all(len(window.text) <= 500 for window in windows)
    assert time.perf_counter() - started < 10


def test_a_code_without_evidence_stays_with_a_whole_document_only():
    document = Document(id="d", text="One. Two.", annotations=[Annotation(code="I10", mentions=None)])
    assert split_windows(document, 100)[0].annotations == document.annotations
    assert [window.annotations for window in split_windows(document, 6)] == [None, None]


def test_codiesp_by_example(small_codiesp):
    found = read_codiesp(small_codiesp, "both")
    first, second = found.documents
    assert [(a.code, a.system, a.mentions) for a in first.annotations] == [
        ("R10.9", "ICD-10-CM", [[(10, 25)], [(16, 25), (10, 15)]]),
        ("R11.0", "ICD-10-CM", [[(28, 35)]]),
        ("BW24ZZZ", "ICD-10-PCS", [[(48, 60)]]),
    ]
    start = second.text.index("fiebre")
    assert second.annotations[0].mentions == [[(start, start + 6)]]
    assert [(m.what[:9], m.reference, m.standing) for m in found.misfits] == [
        ("reference", "nauseas", "náuseas"),
        ("one of it", "", ""),
    ]
    assert [a.code for a in read_codiesp(small_codiesp).documents[0].annotations] == ["R10.9", "R11.0"]
    assert [s.text for s in spans_of([first], "x")][:2] == ["dolor abdominal", "abdominal dolor"]
    assert article_id("S0004-06142005000700014-2") == "S0004-06142005000700014"


def test_codiesp_mistakes(small_codiesp):
    with pytest.raises(UserError, match=r"has no folder text_files \(name a split: .*train\)"):
        read_codiesp(small_codiesp.parent)
    with (small_codiesp / "trainX.tsv").open("a", encoding="utf-8") as table:
        table.write("S0000-1\tDIAGNOSTICO\tr10\tx\n")
        table.write("S0000-1\tDIAG\tr10\tx\t1 2\nS0000-1\tDIAGNOSTICO\tr10\tx\t1-2\n")
        table.write("S0000-9\tDIAGNOSTICO\tr10\tx\t1 2\nS0000-1\tDIAGNOSTICO\tr10\tx\t1 2000\n")
    assert complaints(read_codiesp, small_codiesp) == [
        "/trainX.tsv:6: 4 tab-separated fields instead of 5",
        "/trainX.tsv:7: the label is a text of 4 characters (expected DIAGNOSTICO or PROCEDIMIENTO)",
        "/trainX.tsv:8: the offsets are '1-2' (expected 'start end[;start end]')",
        "/trainX.tsv:9: there is no text_files/S0000-9.txt",
        "/trainX.tsv:10: offsets (1, 2000) outside the text of 62 characters",
    ]


@pytest.mark.codiesp
@pytest.mark.parametrize(
    ("split", "documents", "mentions", "different"), [("train", 500, 9181, 4), ("dev", 250, 4477, 2)]
)
def test_gold_in_is_one_out_on_every_codiesp_document(codiesp_dir, split, documents, mentions, different):
    found = read_codiesp(codiesp_dir / split, "both")
    assert len(found.documents) == documents
    assert sum(len(a.mentions) for d in found.documents for a in d.annotations) == mentions
    assert sum(misfit.reference != "" for misfit in found.misfits) == different
    for form in ("lines", "json"):
        predictions = []
        for document in found.documents:
            gold = GoldDocument.of(document)
            predictions.append(gold.predict(document.id, parse(render(gold.gold_answer(), form), form)))
        figures = evaluate_predictions(found.documents, predictions)
        for name in ("code", "joint", "joint_anywhere"):
            assert figures[name]["micro"]["f1"] == figures[name]["macro"]["f1"] == 1.0
        assert figures["codiesp_x"]["f1"] == figures["all_cited"] == figures["evidence"]["grounded"] == 1.0
        assert figures["malformed"] == 0
