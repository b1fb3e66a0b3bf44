"""The answer grammar: what is written is read back, and nothing that a model writes can raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scl_rl.answer import Answer, AnswerLine, Quote, parse, render

codes = st.from_regex(r"\A[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?\Z")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
quotes = st.builds(Quote, texts, st.integers(1, 50))
mentions = st.lists(quotes, min_size=1, max_size=3).map(tuple)
lines = st.builds(AnswerLine, codes, st.lists(mentions, min_size=1, max_size=3).map(tuple))
answers = st.lists(lines, max_size=5).map(lambda found: Answer(tuple(found)))
formats = st.sampled_from(["lines", "json"])


@given(answers, formats)
def test_what_is_rendered_is_parsed_back(answer, form):
    assert parse(render(answer, form), form) == answer


@given(st.text(), formats)
def test_garbage_never_raises_and_every_line_is_accounted_for(text, form):
    answer = parse(text, form)
    written = [line for line in text.split("\n") if line.strip()]
    if [line.strip() for line in written] != ["none"]:
        assert len(answer.lines) + len(answer.malformed) == len(written)


@given(answers, st.data())
def test_a_cut_off_answer_loses_only_its_last_line(answer, data):
    text = render(answer)
    cut = data.draw(st.integers(0, len(text)))
    whole = text[:cut].count("\n")
    assert parse(text[:cut]).lines[:whole] == answer.lines[:whole]


def test_the_grammar_by_example():
    answer = parse('"HTN"; "BP 180/100" => I10\n"dolor" + "abdominal" => R10.9\n"pneumonia"#3=>J18.9')
    assert answer.malformed == ()
    assert answer.lines == (
        AnswerLine("I10", ((Quote("HTN"),), (Quote("BP 180/100"),))),
        AnswerLine("R10.9", ((Quote("dolor"), Quote("abdominal")),)),
        AnswerLine("J18.9", ((Quote("pneumonia", 3),),)),
    )
    assert render(parse('"a"#1 => I10')) == '"a" => I10'


def test_json_is_the_same_answer():
    text = '{"evidence": [["dolor", ["abdominal", 2]], ["colic"]], "code": "R10.9"}'
    lines_text = '"dolor" + "abdominal"#2; "colic" => R10.9'
    assert parse(text, "json") == parse(lines_text)
    assert json.loads(render(parse(lines_text), "json")) == json.loads(text)


@pytest.mark.parametrize("form", ["lines", "json"])
def test_none_stands_alone(form):
    assert parse("none", form) == parse(" none \n", form) == parse("", form) == Answer()
    assert render(Answer(), form) == "none"
    both = parse('none\n"a" => I10')
    assert len(both.lines) == 1
    assert [m.reason for m in both.malformed] == ["'none' beside other lines"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("I10", "expected a quoted string at character 1"),
        ('"HTN"', "expected ';', '+' or '=>' at character 6"),
        ('"HTN => I10', "a quoted string that does not end or has a bad escape"),
        ('"HTN" =>', "no code after '=>'"),
        ('"HTN" => I10 E11.9', "what stands for the code is not one"),
        ('"HTN"# => I10', "expected a number after '#' at character 6"),
        ('"HTN"#0 => I10', "occurrences count from 1"),
        ('"HTN"#99999999999999999999 => I10', "expected a number after '#' at character 6"),
        ('" " => I10', "an empty quote"),
        ('"\\ud800" => I10', "a quote that is not valid Unicode"),
        ('"a" + => I10', "expected a quoted string at character 7"),
    ],
)
def test_each_malformed_line_has_its_reason(line, reason):
    answer = parse(line)
    assert answer.lines == ()
    assert [m.reason for m in answer.malformed] == [reason]


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "[" * 100_000,
        '{"code": "I10"}',
        '{"evidence": [], "code": "I10"}',
        '{"evidence": [["a", true]], "code": "I10"}',
        '{"evidence": [[["a", 0]]], "code": "I10"}',
        '{"evidence": [["a"]], "code": 10}',
    ],
)
def test_malformed_json_is_counted(line):
    answer = parse(line, "json")
    assert answer.lines == ()
    assert len(answer.malformed) == 1
