"""Rows with named columns: per document, per mention, in lists; and what becomes of those that don't fit."""

from __future__ import annotations

from typing import Any

import pytest

from scl_rl.corpus.readers.rows import Columns, documents_of_rows
from scl_rl.errors import UserError

TEXT = "HTN and cough, then HTN."


def read(*rows: dict[str, Any], policy: Any = "keep", **columns: str) -> Any:
    numbered = ((f"row {number}", row) for number, row in enumerate(rows))
    return documents_of_rows(numbered, Columns(**columns), policy=policy)


def codes(read: Any) -> list[dict[str, Any]]:
    return [
        d.annotations if d.annotations is None else {a.code: a.mentions for a in d.annotations}
        for d in read.documents
    ]


def test_a_row_per_document():
    rows = [{"note": TEXT, "icd": icd} for icd in (["i10", "R059"], "I10; R05.9|R52", "", None, [])]
    found = read(*rows, text="note", code="icd")
    assert [document.id for document in found.documents] == ["0", "1", "2", "3", "4"]
    assert codes(found) == [
        {"I10": None, "R05.9": None},
        {"I10": None, "R05.9": None, "R52": None},
        {},
        {},
        {},
    ]
    assert codes(read(rows[0], text="note")) == [None]


def test_a_row_per_mention():
    rows = [
        {"id": 7, "text": TEXT, "c": "I10", "s": 0, "e": 3, "q": "HTN", "sys": "icd10cm", "pat": 5},
        {"id": 7, "text": TEXT, "c": "I10", "s": 20, "e": 23, "q": "HTN", "sys": "", "pat": 5},
        {"id": 8, "text": "Other.", "c": "401.9", "s": None, "e": None, "q": None, "sys": "ICD-9-CM"},
    ]
    found = read(*rows, id="id", code="c", start="s", end="e", quote="q", system="sys", group="pat")
    assert [document.id for document in found.documents] == ["7", "8"]
    assert codes(found) == [{"I10": [[(0, 3)], [(20, 23)]]}, {"401.9": None}]
    assert found.documents[0].group == "5" and found.documents[1].annotations[0].system == "ICD-9-CM"
    assert found.misfits == []


def test_lists_and_parts_of_columns():
    entities = [{"code": "I10", "at": [0], "to": [3]}, {"code": "R05.9", "at": [8, 20], "to": [13, 23]}]
    names = {"code": "entities.code", "start": "entities.at", "end": "entities.to"}
    expected = [{"I10": [[(0, 3)]], "R05.9": [[(8, 13), (20, 23)]]}]
    assert codes(read({"text": TEXT, "entities": entities}, **names)) == expected
    columns = {name: [entity[name] for entity in entities] for name in ("code", "at", "to")}
    assert codes(read({"text": TEXT, "entities": columns}, **names)) == expected
    assert codes(read({"text": TEXT, **columns}, code="code", start="at", end="to")) == expected


def test_numbers_may_be_written_as_text_or_fractions_and_gaps_as_nan():
    rows = [
        {"text": TEXT, "c": "I10", "s": s, "e": e} for s, e in (("0", "3"), (0.0, 3.0), ("", float("nan")))
    ]
    names = {"code": "c", "start": "s", "end": "e"}
    assert codes(read(*rows, **names)) == [{"I10": [[(0, 3)]]}, {"I10": [[(0, 3)]]}, {"I10": None}]


def test_quotes_without_offsets_are_looked_for():
    found = read({"text": TEXT, "c": ["R05.9", "I10"], "q": ["COUGH", "htn"]}, code="c", quote="q")
    assert codes(found) == [{"R05.9": [[(8, 13)]], "I10": [[(0, 3)]]}]
    assert [str(misfit) for misfit in found.misfits] == [
        "row 0: a quote that occurs 2 times; the first is taken: kept"
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": 5}, "column 'text' has no text"),
        ({"id": "x", "text": "another"}, "another text than an earlier row of the same id"),
        ({"id": None}, "column 'id' is empty"),
        ({"c": "no code!"}, "has something that is not a code in its column of codes"),
        ({"c": ["I10", "R52"]}, "2 codes, but 1 in column 's'"),
        ({"s": "x"}, "offsets that are not whole numbers, as many starts as ends"),
        ({"s": True}, "offsets that are not whole numbers, as many starts as ends"),
        ({"s": [0, 8]}, "offsets that are not whole numbers, as many starts as ends"),
        ({"e": 10**30}, "outside the text of 24 characters"),
        ({"s": -1}, "offsets (-1, 3) outside the text of 24 characters"),
        ({"s": None, "e": None, "q": "stroke"}, "a quote of 6 characters that is not in the text"),
    ],
)
def test_rows_that_do_not_fit(row: dict[str, Any], told: str):
    good = {"id": "x", "text": TEXT, "c": "I10", "s": 0, "e": 3, "q": "HTN"}
    names = {"id": "id", "code": "c", "start": "s", "end": "e", "quote": "q"}
    bad = {**good, "id": "y", **row}
    with pytest.raises(UserError) as raised:
        read(good, bad, **names)
    assert "row 1: " in str(raised.value) and told in str(raised.value)
    assert "stroke" not in str(raised.value)
    found = read(good, bad, policy="drop", **names)
    assert codes(found)[0] == {"I10": [[(0, 3)]]}
    assert [misfit.done for misfit in found.misfits] == ["left out"]


def test_columns_that_are_not_there():
    with pytest.raises(UserError) as raised:
        Columns(text="txt", code="icd", start="s").check(["text", "icd"], "notes.csv")
    assert [str(problem) for problem in raised.value.problems] == [
        "notes.csv: has no column 'txt' (did you mean 'text'?)",
        "notes.csv: has no column 's'",
        "notes.csv: one of the columns of starts and ends is not named (name both)",
    ]
    with pytest.raises(UserError, match="mentions need the column of their codes"):
        Columns(quote="q").check(["text", "q"], "notes.csv")
    assert read().documents == []
