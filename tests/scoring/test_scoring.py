"""The one scorer: located quotes are exactly where they say, and gold scores as gold."""

import ast
import time
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import scl_rl
import scl_rl.reward
from scl_rl.answer import parse, render
from scl_rl.answer.grammar import Answer, AnswerLine
from scl_rl.corpus.types import Annotation, Document
from scl_rl.scoring import (
    Counts,
    GoldDocument,
    Match,
    NoteText,
    Occurrence,
    Tally,
    TextIndex,
    TokenIndex,
    overlap,
    score_answer,
    score_prediction,
)

# Few letters, so that words repeat and overlap; cases, white space and characters that fold oddly.
alphabet = st.sampled_from([*"aAbB  \n\t.éßİΣςא😀", "\u200b", "\u00a0"])
notes = st.text(alphabet, min_size=1, max_size=60)


@st.composite
def note_and_fragment(draw):
    text = draw(notes)
    start = draw(st.integers(0, len(text) - 1))
    return text, (start, draw(st.integers(start + 1, len(text))))


@given(note_and_fragment())
@example(("aa  aa", (2, 6)))
@example(("aaaa", (1, 3)))
def test_a_quoted_fragment_is_located_exactly_where_it_was(case):
    text, fragment = case
    index = TextIndex(text)
    quoted = index.quote(fragment)
    if quoted is None:
        assert not text[fragment[0] : fragment[1]].strip()
    else:
        assert index.locate(*quoted) == fragment


@given(notes, notes, st.integers(1, 5))
def test_a_located_quote_is_in_the_text_up_to_case_and_white_space(text, quote, number):
    found = TextIndex(text).locate(quote, number)
    if found is not None:
        there = "".join(text[found[0] : found[1]].split())
        wanted = "".join(quote.split())
        assert len(there) == len(wanted)
        assert all(
            a == b or a.casefold() == b.casefold() or a.lower() == b.lower()
            for a, b in zip(there, wanted, strict=True)
        )


@given(st.text(st.sampled_from("ab"), max_size=30), st.text(st.sampled_from("ab"), min_size=1, max_size=3))
def test_every_start_counts(text, quote):
    starts = [i for i in range(len(text)) if text.startswith(quote, i)]
    assert [start for start, _ in TextIndex(text).occurrences(quote)] == starts


def test_locating_by_example():
    text = "Mother had pneumonia.  No\n pneumonia. Film shows PNEUMONIA; chest\n\t pain"
    index = TextIndex(text)
    assert index.locate("pneumonia", 3) == (text.index("PNEU"), text.index(";"))
    assert index.locate("pneumonia", 4) is None
    assert index.locate("Chest pain") == (text.index("chest"), len(text))
    assert index.locate("no pneumonia") == (23, 36)
    assert index.locate("chestpain") is None
    assert index.locate("pneum\u043enia") is None  # a Cyrillic o
    assert index.locate("pneu\u200bmonia") is None
    assert index.locate("  ") is None


def test_locating_is_linear_in_the_text():
    text = "no pneumonia here. " * 55_000
    started = time.perf_counter()
    index = TextIndex(text)
    assert index.locate("pneumonia", 55_000) == (len(text) - 16, len(text) - 7)
    assert index.locate("pneumonia", 55_001) is None
    assert time.perf_counter() - started < 5


def test_places_of_quotes_are_kept_within_bounds(monkeypatch):
    monkeypatch.setattr("scl_rl.scoring.locate._KEPT_PLACES", 100)
    index = TextIndex("a" * 60)
    for length in range(1, 21):
        assert index.locate("a" * length, 40) == (39, 39 + length)
        assert sum(len(starts) for starts, _ in index._found.values()) < 140


def test_judging_a_prediction_takes_as_long_as_judging_its_answer():
    """With 8,000 codes it took thirty times as long: every code went through all of them."""
    gold = GoldDocument("has HTN", [Annotation(code="I10", mentions=[[(4, 7)]])])
    answer = parse("\n".join(f'"HTN" => A{i % 100:02}.{i // 100}' for i in range(8_000)))
    prediction = gold.predict("a", answer)

    def seconds(judge):
        started = time.process_time()
        assert len(judge().codes) == 8_000
        return time.process_time() - started

    limit = 8 * seconds(lambda: score_answer(answer, gold))
    assert min(seconds(lambda: score_prediction(prediction, gold)) for _ in range(2)) < limit


def test_overlap_counts_tokens_touched():
    tokens = TokenIndex("acute chest pain, worse")
    assert tokens.touched([(8, 9)]) == {1}
    assert tokens.touched([(0, 16)]) == {0, 1, 2}
    assert tokens.touched([(16, 18)]) == frozenset()
    assert overlap(tokens.touched([(0, 16)]), tokens.touched([(6, 16)])) == pytest.approx(0.8)
    assert overlap(frozenset(), frozenset()) == 0.0


def test_words_that_are_only_punctuation_count_anywhere_too():
    text = "Kernig (+) left, Kernig (+) right. " + "a b " * 5_000
    gold = GoldDocument(text, [Annotation(code="G03.9", mentions=[[(8, 9)], [(0, 6), (8, 9)]])])
    second = text.index("(+)", 12) + 1
    assert gold.overlap("G03.9", [(second, second + 1)], anywhere=True) == 1.0
    assert gold.overlap("G03.9", [(second, second + 1)]) == 0.0
    started = time.perf_counter()
    many = GoldDocument(text, [Annotation(code="G03.9", mentions=[[(35, 36), (37, 38)]])])
    assert many.overlap("G03.9", [(43, 44), (45, 46)], anywhere=True) == 1.0
    assert time.perf_counter() - started < 5


@st.composite
def labelled(draw):
    text = draw(st.text(alphabet, min_size=8, max_size=80))
    fragment = st.integers(0, len(text) - 2).flatmap(
        lambda start: st.tuples(st.just(start), st.integers(start + 1, len(text)))
    )
    mention = st.lists(fragment, min_size=1, max_size=3)
    made = draw(
        st.dictionaries(st.sampled_from(["I10", "E11.9", "J18.9"]), st.lists(mention, min_size=1, max_size=3))
    )
    return Document(
        id="x", text=text, annotations=[Annotation(code=code, mentions=found) for code, found in made.items()]
    )


@given(labelled(), st.sampled_from(["lines", "json"]))
def test_gold_in_gold_out(document, form):
    gold = GoldDocument.of(document)
    prediction = gold.predict("x", parse(render(gold.gold_answer(), form), form))
    for predicted in prediction.codes:
        assert gold.verdict(predicted.code, [m.fragments for m in predicted.mentions]).cited
    found = {code.code: {tuple(m.fragments) for m in code.mentions} for code in prediction.codes}
    for code, mentions in gold.mentions.items():
        quotable = {m for m in mentions if all(document.text[s:e].strip() for s, e in m)}
        assert found.get(code, set()) == quotable


def test_the_right_words_in_the_wrong_place_are_wrong():
    text = "Mother had asthma. He has asthma."
    gold = GoldDocument(text, [Annotation(code="J45.909", mentions=[[(26, 32)]])])
    assert gold.verdict("J45.909", [gold.locate(parse('"asthma"#2 => J45.909').lines[0].mentions[0])]).cited
    first = [gold.locate(parse('"asthma" => J45.909').lines[0].mentions[0])]
    assert not gold.verdict("J45.909", first).cited
    anywhere = gold.verdict("J45.909", first, anywhere=True)
    assert anywhere.supported and not anywhere.cited
    assert not gold.verdict("I10", first).in_gold
    assert not gold.verdict("J45.909", [None]).cited


@given(labelled(), st.data())
def test_cited_means_the_same_whatever_else_is_asked(document, data):
    gold = GoldDocument.of(document)
    start = data.draw(st.integers(0, len(document.text) - 1))
    mention = gold.quote([(start, data.draw(st.integers(start + 1, len(document.text))))])
    if mention is None:
        return
    for code in ["I10", "J18.9"]:
        answer = Answer((AnswerLine(code, (mention,)),))
        plain = score_answer(answer, gold)
        (verdict,) = [one.verdict for one in plain.codes]
        assert verdict == gold.verdict(code, [gold.locate(mention)])
        assert verdict.supported == verdict.cited and verdict.agreement == verdict.best
        for occurrence, match in product(get_args(Occurrence), get_args(Match)):
            other = score_answer(answer, gold, occurrence=occurrence, match=match)
            assert (other.cited, other.as_dict()) == (plain.cited, plain.as_dict())
            if match == "overlap":
                assert other.supported >= plain.cited
            elif match == "exact" and occurrence == "given":
                assert other.supported <= plain.cited


def test_supported_follows_the_rule_that_was_asked_for():
    text = "Severe crushing central chest pain. Later chest pain."
    gold = GoldDocument(text, [Annotation(code="R07.9", mentions=[[(0, 34)]])])
    found = score_answer(parse('"pain" => R07.9'), gold, match="containment")
    assert (found.cited, found.supported) == (0, 1)
    assert found.describe() == 'R07.9 wrong evidence (counted) "pain"'
    found = score_answer(parse('"central chest pain" => R07.9'), gold, match="exact")
    assert (found.cited, found.supported) == (1, 0)
    assert found.describe() == 'R07.9 cited (not counted) "central chest pain"'
    assert score_answer(parse('"chest pain"#2 => R07.9'), gold, occurrence="any").cited == 0


def test_there_is_one_door():
    """One function makes verdicts, and the threshold is read where the rule stands."""
    made, read = [], []
    folders = [*scl_rl.__path__, *scl_rl.reward.__path__]
    for path in {file.resolve() for folder in folders for file in Path(folder).rglob("*.py")}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CodeVerdict":
                made.append(path.name)
            if isinstance(node, ast.Compare) and "CITED_AT" in ast.dump(node):
                read.append(path.name)
    assert set(made) == {"gold.py"} and set(read) == {"citation.py"}


def test_what_is_kept_of_a_document_is_bounded(monkeypatch):
    monkeypatch.setattr("scl_rl.scoring.gold._KEPT", 3)
    gold = GoldDocument("a b c d e f", [Annotation(code="I10", mentions=[[(0, 1)]])])
    for _ in range(2):
        scores = [gold.verdict("I10", [[(i, i + 1)]]).best for i in range(0, 11, 2)]
        assert scores == [1.0, 0, 0, 0, 0, 0]
        assert len(gold._known) <= 3


@given(note_and_fragment())
def test_a_note_without_gold_locates_and_quotes_alike(case):
    text, fragment = case
    note = NoteText(text)
    quoted = note.quote([fragment])
    if quoted is not None:
        assert note.locate(quoted) == (fragment,)
        predicted = note.predict("x", Answer((AnswerLine("I10", (quoted, quoted)),)))
        assert [m.fragments for code in predicted.codes for m in code.mentions] == [[fragment]]


def test_macro_is_the_mean_over_codes_on_either_side():
    tally = Tally()
    tally.add(["A", "B"], {"A": True, "C": False})
    assert tally.micro() == Counts(tp=1, fp=1, fn=1)
    assert tally.as_dict()["micro"]["f1"] == pytest.approx(0.5)
    assert tally.as_dict()["macro"]["f1"] == pytest.approx(1 / 3)
