"""JSONL at its edges: what test_corpus.py doesn't say about reading and writing."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scl_rl.corpus.jsonl import read_documents, read_predictions, read_spans, read_training, write_jsonl
from scl_rl.corpus.types import Document, PredictedCode, PredictedMention, Prediction, Span
from scl_rl.errors import UserError

NOTE = {"id": "a", "text": "He has HTN."}
ODD_TEXTS = [
    "<p>HTN &amp; <b>T2DM</b></p>",
    "\u202bיתר לחץ דם\u202c HTN",
    "H\u200bT\u200dN",
    "\x00HTN\x00",
    "😀 HTN 🫀",
    "line\u2028HTN\u2029\x85\x0b\x0c\x1c",
    "HTN\r\n",
    "e\u0301 é HTN",
    '"HTN"; \\ud800 => I10',
]


def file_of(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "file.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


def complaint(read, path: Path) -> str:
    with pytest.raises(UserError) as raised:
        read(path)
    [problem] = raised.value.problems
    return str(problem).removeprefix(str(path))


def annotated(**annotation: object) -> dict[str, object]:
    return {**NOTE, "annotations": [{"code": "I10", "mentions": None, **annotation}]}


FRAGMENT = "expected a fragment [start, end]"
CODE = "expected a code: up to 32 letters, digits and .+*/†-, the first no sign"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**NOTE, "annotation": []}, "unknown key 'annotation' (did you mean 'annotations'?)"),
        ({**NOTE, "Annotations": []}, "unknown key 'Annotations' (did you mean 'annotations'?)"),
        ({**NOTE, "id": ""}, "'id': is empty"),
        ({"id": "a", "text": None}, "'text': input should be a valid string"),
        ({**NOTE, "annotations": ["I10"]}, "'annotations[0]': expected an object"),
        ({**NOTE, "annotations": {}}, "'annotations': input should be a valid array"),
        (annotated(code="I 10"), f"'annotations[0].code': {CODE}"),
        (annotated(mentions=[[7]]), f"'annotations[0].mentions[0][0]': {FRAGMENT}"),
        (annotated(mentions=[[[7]]]), f"'annotations[0].mentions[0][0]': {FRAGMENT}"),
        (annotated(mentions=[[[7, 8, 9]]]), f"'annotations[0].mentions[0][0]': {FRAGMENT}"),
        (
            annotated(mentions=[[[7.0, 9]]]),
            "'annotations[0].mentions[0][0][0]': input should be a valid integer",
        ),
    ],
)
def test_documents_complain_in_plain_words(tmp_path, line, said):
    assert complaint(read_documents, file_of(tmp_path, line)) == f":1: {said}"


@pytest.mark.parametrize("number", [b"1e999", b"-Infinity", b"9" * 5000])
def test_numbers_that_are_none_are_told(tmp_path, number):
    path = file_of(tmp_path, b'{"id": "a", "text": "", "n": ' + number + b"}")
    assert complaint(read_documents, path).startswith(":1: ")


@pytest.mark.parametrize("malformed", ["3", True, 2.0])
def test_counts_are_integers(tmp_path, malformed):
    path = file_of(tmp_path, {"id": "a", "codes": [], "malformed": malformed})
    assert complaint(read_predictions, path) == ":1: 'malformed': input should be a valid integer"


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ([5, 3], "a fragment [5, 3] that is empty or backwards"),
        ([-1, 3], "a fragment [-1, 3] outside the text"),
    ],
)
def test_impossible_fragments_are_told_without_documents(tmp_path, fragment, said):
    code = {"code": "I10", "mentions": [{"quotes": ["x"], "fragments": [fragment]}]}
    path = file_of(tmp_path, {"id": "a", "codes": [code]})
    assert complaint(read_predictions, path) == f":1: code I10 has {said}"


def test_the_first_unknown_document_gets_a_suggestion(tmp_path):
    path = file_of(tmp_path, {"id": "case-01", "codes": []}, {"id": "case-02", "codes": []})
    with pytest.raises(UserError) as raised:
        read_predictions(path, [Document(id="case-1", text="")], Path("d.jsonl"))
    assert [str(problem).partition(": ")[2] for problem in raised.value.problems] == [
        "there is no document 'case-01' in d.jsonl (did you mean 'case-1'?)",
        "there is no document 'case-02' in d.jsonl",
    ]


def test_predictions_may_be_few_or_none(tmp_path):
    documents = [Document(id="a", text=""), Document(id="b", text="")]
    assert read_predictions(file_of(tmp_path, {"id": "b", "codes": []}), documents)[0].id == "b"
    assert read_predictions(file_of(tmp_path, b""), documents) == []


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_are_no_mistakes(tmp_path):
    line = json.dumps(NOTE).encode()
    path = file_of(tmp_path, b"\xef\xbb\xbf" + line + b"\r", b"\r", b"  ", line.replace(b'"a"', b'"b"'))
    assert [document.id for document in read_documents(path)] == ["a", "b"]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_offsets_into_odd_text_are_code_points(tmp_path, text):
    quoted = text if "HTN" not in text else "HTN"
    start = text.index(quoted)
    mention = [[start, start + len(quoted)]]
    raw = {"id": text, "text": text, "annotations": [{"code": "I10", "mentions": [mention]}], text: text}
    for escaped in (True, False):
        path = tmp_path / "d.jsonl"
        path.write_text(json.dumps(raw, ensure_ascii=escaped) + "\n", encoding="utf-8", newline="")
        [document] = read_documents(path)
        write_jsonl(path, [document])
        assert read_documents(path) == [document]
        assert path.read_bytes().count(b"\n") == 1
        [[(start, end)]] = document.annotations[0].mentions
        assert document.text[start:end] == quoted
        assert document.text == document.id == document.model_extra[text] == text


def test_a_line_of_a_megabyte(tmp_path):
    text = "né\n" * 350_000
    assert read_documents(file_of(tmp_path, {"id": "a", "text": text}))[0].text == text


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
codes = st.from_regex(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?", fullmatch=True)
fragments = st.tuples(st.integers(0, 99), st.integers(1, 99)).map(lambda f: (f[0], f[0] + f[1]))
mentions = st.lists(st.tuples(words, fragments), min_size=1, max_size=3)


@given(st.lists(st.builds(Span, text=words, code=codes, system=words, source=words), min_size=1))
def test_spans_come_back(tmp_path_factory, spans):
    path = tmp_path_factory.getbasetemp() / "spans.jsonl"
    write_jsonl(path, spans)
    assert read_spans(path) == spans


@given(st.lists(st.tuples(codes, mentions, st.booleans())), st.integers(0, 9), words)
def test_predictions_come_back(tmp_path_factory, said, malformed, extra):
    path = tmp_path_factory.getbasetemp() / "predictions.jsonl"
    predicted = [
        PredictedCode(
            code=code,
            mentions=[
                PredictedMention(
                    quotes=[quote for quote, _ in mention],
                    fragments=[fragment for _, fragment in mention] if located else None,
                )
            ],
        )
        for code, mention, located in said
    ]
    prediction = Prediction.model_validate(
        {"id": "a", "codes": predicted, "malformed": malformed, "note": extra}
    )
    write_jsonl(path, [prediction])
    assert read_predictions(path) == [prediction]


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "d.jsonl"
    write_jsonl(path, [Document(id="old", text="")])

    def failing():
        yield Document(id="new", text="")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_jsonl(path, failing())
    assert [document.id for document in read_documents(path)] == ["old"]
    assert [left.name for left in tmp_path.iterdir()] == ["d.jsonl"]
    with pytest.raises(UserError, match=r"/no/d\.jsonl: can't be written: No such file or directory"):
        write_jsonl(tmp_path / "no" / "d.jsonl", [])
    with pytest.raises(UserError, match="can't be written: Is a directory"):
        write_jsonl(tmp_path, [])


@pytest.mark.parametrize("first", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_spans_and_documents_are_told_apart_after_marks_and_blank_lines(tmp_path, first):
    span, document = Span(text="HTN", code="I10"), Document(**NOTE)
    path = tmp_path / "file.jsonl"
    path.write_bytes(first + b'{"text": "HTN", "code": "I10"}\n')
    assert read_training(path) == ([span], [])
    path.write_bytes(first + json.dumps(NOTE).encode())
    assert read_training(path) == ([], [document])


def test_training_files_may_be_pipes():
    reader, writer = os.pipe()
    os.write(writer, b'{"text": "HTN", "code": "I10"}\n')
    os.close(writer)
    assert read_training(Path(f"/dev/fd/{reader}")) == ([Span(text="HTN", code="I10")], [])
    os.close(reader)


@pytest.mark.parametrize("line", [b"[" * 5000, b"3", b'"code"', b"nothing", b"\xff"])
def test_a_first_line_that_is_no_record_is_told(tmp_path, line):
    (tmp_path / "file.jsonl").write_bytes(line)
    with pytest.raises(UserError, match=r"file\.jsonl:1: "):
        read_training(tmp_path / "file.jsonl")
