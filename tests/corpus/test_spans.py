"""Spans: taken from documents, alone or with some words around them, and read back."""

import pytest

from scl_rl.corpus.jsonl import read_spans, write_jsonl
from scl_rl.corpus.spans import spans_of
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.errors import UserError
from scl_rl.scoring.dictionary import SpanDictionary

TEXT = "Seen today.\nHe has had high blood\npressure and a bad cough since May."


def place(*words: str) -> list[tuple[int, int]]:
    return [(TEXT.index(word), TEXT.index(word) + len(word)) for word in words]


NOTE = Document(
    id="n",
    text=TEXT,
    annotations=[
        Annotation(code="I10", mentions=[place("high", "pressure")]),
        Annotation(code="R05.9", mentions=[place("bad cough")]),
        Annotation(code="Z00.0", mentions=None),
    ],
)


def test_alone_a_span_is_the_words_of_its_fragments():
    assert [(span.text, span.code, span.fragments) for span in spans_of([NOTE], "x")] == [
        ("high pressure", "I10", None),
        ("bad cough", "R05.9", None),
    ]


def test_context_stays_on_the_line_and_before_the_next_codes_evidence():
    pressure, cough = spans_of([NOTE], "x", context=2)
    assert (pressure.text, pressure.evidence) == ("has had high blood\npressure and a", "high pressure")
    assert (cough.text, cough.evidence) == ("and a bad cough since May.", "bad cough")
    (all_before, all_after) = spans_of([NOTE], "x", context=50)
    assert all_before.text == "He has had high blood\npressure and a"
    assert all_after.text == "and a bad cough since May."


def test_spans_with_and_without_fragments_are_read_back(tmp_path):
    spans = [*spans_of([NOTE], "x"), *spans_of([NOTE], "x", context=1)]
    write_jsonl(tmp_path / "s.jsonl", spans)
    assert read_spans(tmp_path / "s.jsonl") == spans
    assert '"fragments"' not in (tmp_path / "s.jsonl").read_text().splitlines()[0]


def test_fragments_outside_the_text_are_refused_with_their_line(tmp_path):
    (tmp_path / "s.jsonl").write_text(
        '{"text": "HTN", "code": "I10"}\n{"text": "HTN", "code": "I10", "fragments": [[0, 4]]}\n'
        '{"text": "HTN", "code": "I10", "fragments": []}\n'
    )
    with pytest.raises(UserError) as caught:
        read_spans(tmp_path / "s.jsonl")
    assert [str(p).split("s.jsonl:")[1] for p in caught.value.problems] == [
        "2: code I10 has a fragment [0, 4] outside the text of 3 characters",
        "3: 'fragments': list should have at least 1 item after validation, not 0",
    ]


def test_a_dictionary_has_the_evidence_and_not_its_context():
    dictionary = SpanDictionary(spans_of([NOTE], "x", context=2))
    assert dictionary.codes("bad cough") == {"R05.9": 1} and not dictionary.codes(
        "and a bad cough since May."
    )


def test_a_span_can_be_weighed_by_all_that_it_says_of_itself():
    span = Span(text="x", code="I10", source="tabular", rules=["title", "typos"], style=3, teacher="m")
    assert span.labels() == {"tabular", "title", "typos", "m"}
    assert Span(text="x", code="I10", rules="typos").labels() == set()
