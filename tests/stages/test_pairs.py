"""Preference pairs: what makes a hard negative, which pairs are kept, and what they are said to teach."""

from __future__ import annotations

import random

import pytest

from scl_rl.answer.grammar import Answer, render
from scl_rl.answer.parse import parse
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.scoring import GoldDocument
from scl_rl.scoring.dictionary import SpanDictionary
from scl_rl.stages.pairs.corrupt import Corrupter
from scl_rl.stages.pairs.error_kinds import errors_of, worse_in
from scl_rl.stages.pairs.pair import (
    Pair,
    balanced_in_coverage,
    balanced_in_length,
    balanced_over_codes,
    distinct,
    report,
)

TEXT = "Mother had asthma. No fever. He has asthma and HTN. Walked in alone."
GOLD = GoldDocument.of(
    Document(
        id="d",
        text=TEXT,
        annotations=[
            Annotation(code="J45.909", mentions=[[(36, 42)]]),
            Annotation(code="I10", mentions=[[(47, 50)]]),
        ],
    )
)
CORRUPTER = Corrupter(
    codes=["E11.9", "I10", "J45.20", "J45.909"],
    dictionary=SpanDictionary(
        [
            Span(text="fever", code="R50.9"),
            Span(text="asthma", code="J45.909"),
            Span(text="alone", code="Z60.2"),
        ]
    ),
)
RIGHT = '"asthma"#2 => J45.909\n"HTN" => I10'


def spoiled(kind) -> list[str]:
    return [render(answer) for answer in CORRUPTER.spoil(kind, GOLD, random.Random(0))]


def test_another_codes_evidence_is_cited():
    assert spoiled("elsewhere") == [
        '"HTN" => J45.909\n"HTN" => I10',
        '"asthma"#2 => J45.909\n"asthma"#2 => I10',
    ]


def test_with_a_single_code_unrelated_words_are_cited():
    gold = GoldDocument(TEXT, [Annotation(code="I10", mentions=[[(47, 50)]])])
    for seed in range(20):
        (answer,) = CORRUPTER.spoil("elsewhere", gold, random.Random(seed))
        assert errors_of(answer, gold) == {"wrong_evidence": 1}


def test_the_same_words_are_cited_where_they_are_a_relatives():
    assert spoiled("negated") == ['"asthma" => J45.909\n"HTN" => I10']


def test_codes_become_their_neighbours():
    first, second = [parse(text) for text in spoiled("sibling")]
    assert first.lines[1:] == parse(RIGHT).lines[1:] and second.lines[:1] == parse(RIGHT).lines[:1]
    assert first.lines[0].code.startswith("J45") and first.lines[0].code != "J45.909"


def test_lines_are_dropped_and_added():
    assert spoiled("dropped") == ['"HTN" => I10', '"asthma"#2 => J45.909']
    assert spoiled("spurious") == ['"fever" => R50.9\n' + RIGHT, RIGHT + '\n"alone" => Z60.2']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RIGHT, {}),
        ('"asthma" => J45.909\n"HTN" => I10', {"wrong_evidence": 1}),
        ('"asthma"#2 => J45.20\n"HTN" => I10', {"wrong_code": 1, "missing_code": 1}),
        ('"wheeze" => J45.909\n"HTN" => I10', {"not_located": 1}),
        ('"asthma"#2 => J45.909\n"HTN" => I10\n"HTN" => I10\nHTN', {"duplicate": 1, "malformed": 1}),
        ("none", {"missing_code": 2}),
    ],
)
def test_errors_are_told_apart(text, expected):
    assert errors_of(parse(text), GOLD) == expected


def test_what_is_worse_is_what_there_is_more_of_the_severest_first():
    assert worse_in({"missing_code": 1, "wrong_evidence": 2}, {"wrong_evidence": 1}) == [
        "wrong_evidence",
        "missing_code",
    ]
    assert worse_in({"malformed": 1}, {"malformed": 2}) == ["inconsistent"]
    assert worse_in(errors_of(Answer(), GOLD), {}) == ["missing_code"]


def pair(number: int, codes=(), chosen=5, rejected=5, **changes) -> Pair:
    fields = {
        "prompt": f"p{number}",
        "chosen": "c",
        "rejected": "r",
        "document": "d",
        "kind": "sampled",
        "error": "wrong_code",
        "errors": ["wrong_code"],
        "codes": list(codes),
        "chosen_score": 1.0,
        "rejected_score": 0.5,
        "chosen_tokens": chosen,
        "rejected_tokens": rejected,
    }
    return Pair(**{**fields, **changes})


def test_the_same_pair_is_kept_once():
    assert [p.prompt for p in distinct([pair(1), pair(2), pair(1), pair(1, chosen=6)])] == ["p1", "p2"]


def test_no_code_gets_more_than_twice_its_share():
    pairs = [pair(i, ["I10"]) for i in range(90)] + [pair(i, [f"A{i}"]) for i in range(9)]
    kept = balanced_over_codes(pairs, random.Random(0))
    assert [sum(code in p.codes for p in kept) for code in ("I10", "A0", "A8")] == [20, 1, 1]
    assert kept == [p for p in pairs if p in kept]  # in their order
    assert balanced_over_codes([], random.Random(0)) == []


@pytest.mark.parametrize("longer", [1, -1])
def test_length_tells_nothing_once_balanced(longer):
    rng = random.Random(0)
    pairs = [pair(i, chosen=20 + longer * rng.randint(-4, 12), rejected=20) for i in range(200)]
    before, kept = report(pairs), balanced_in_length(pairs, rng)
    after = report(kept)
    assert abs(before["chosen_tokens"] - before["rejected_tokens"]) > 3
    assert abs(after["chosen_tokens"] - after["rejected_tokens"]) <= 0.02 * after["rejected_tokens"]
    assert len(kept) > 80 and {p.prompt for p in kept} <= {p.prompt for p in pairs}


def test_the_number_of_codes_tells_nothing_once_balanced():
    rng = random.Random(0)
    pairs = [pair(i, chosen_codes=rng.randint(2, 5), rejected_codes=rng.randint(1, 4)) for i in range(200)]
    before, after = report(pairs), report(balanced_in_coverage(pairs, rng))
    assert before["chosen_codes"] - before["rejected_codes"] > 0.8
    assert abs(after["chosen_codes"] - after["rejected_codes"]) <= 0.021 * after["rejected_codes"]
    assert after["pairs"] > 60


def test_pairs_that_all_go_one_way_are_not_all_thrown_away():
    assert len(balanced_in_length([pair(i, chosen=9) for i in range(5)], random.Random(0))) == 1


def test_the_report_says_what_pairs_teach():
    pairs = [pair(1, ["I10"]), pair(2, ["I10", "E11.9"], 6, kind="negated", error="wrong_evidence")]
    assert report(pairs) == {
        "pairs": 2,
        "prompts": 2,
        "by_kind": {"sampled": 1, "negated": 1},
        "by_error": {"wrong_code": 1, "wrong_evidence": 1},
        "by_code": {"I10": 2, "E11.9": 1},
        "chosen_tokens": 5.5,
        "rejected_tokens": 5.0,
        "chosen_longer": 1.0,
        "chosen_codes": 0,
        "rejected_codes": 0,
        "margin": 0.5,
    }
    assert report([])["margin"] is None
