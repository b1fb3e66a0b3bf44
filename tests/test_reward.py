"""The evidence reward: gold is best, and what is not in the note earns nothing."""

import json
from importlib.metadata import entry_points

import pytest
from scl_rl.reward.evidence import evidence

NOTE = "Mother had asthma. He has asthma and HTN; no fever."
GOLD = [
    {"code": "J45.909", "system": "ICD-10-CM", "mentions": [[[26, 32]]]},
    {"code": "I10", "system": "ICD-10-CM", "mentions": [[[37, 40]]]},
]
RIGHT = '"asthma"#2 => J45.909\n"HTN" => I10'


def score(completion, annotations=GOLD, text=NOTE, **arguments):
    return evidence([completion], text=[text], annotations=[annotations], **arguments)[0]


def test_gold_earns_everything_in_any_order():
    assert score(RIGHT) == score("\n".join(reversed(RIGHT.split("\n")))) == 1.0
    assert score([{"role": "assistant", "content": RIGHT}]) == 1.0
    assert score('{"evidence": [["HTN"]], "code": "I10"}', answer="json") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ('"HTN" => I10', 2 / 3),
        ('"asthma" => J45.909\n"HTN" => I10', 2 / 4),  # his mother's
        (RIGHT + '\n"fever" => R50.9', 4 / 5),  # a wrong code
        (RIGHT + '\n"HTN" => I10', 4 / 5),  # a second line of the same code
        (RIGHT + "\nfever", 4 / 5),  # malformed
        ('"asthma"#2 => J45.909\n"HTN"; "high blood pressure" => I10', 4 / 5),  # a made-up quote
        ("none", 0.0),
        ("", 0.0),
        (NOTE, 0.0),
    ],
)
def test_everything_else_earns_less(completion, expected):
    assert score(completion) == pytest.approx(expected)


def test_soft_pays_for_overlap_and_strict_for_citing():
    whole = '"asthma and HTN" => I10'
    assert score(whole) == pytest.approx(2 * 0.5 / 3)
    assert score(whole, soft=False) == pytest.approx(2 / 3)


def test_options():
    assert score('"asthma" => J45.909', occurrence="any") == pytest.approx(2 / 3)
    many = "; ".join(['"HTN"'] * 10) + " => I10"
    assert score(many, mention_cap=8) == pytest.approx(2 / (2 + 1 + 2))
    assert score('"HTN" => I10', beta=2.0) == pytest.approx(5 / (4 * 2 + 1))


def test_the_lines_of_one_code_are_taken_together_in_any_order():
    lines = ['"fever" => I10', '"HTN" => I10']
    assert score("\n".join(lines)) == score("\n".join(reversed(lines))) == pytest.approx(2 / 4)


def test_citing_all_gold_is_best_however_much_there_is():
    text = " ".join(["HTN"] * 12)
    gold = [{"code": "I10", "mentions": [[[4 * i, 4 * i + 3]] for i in range(12)]}]
    whole = "; ".join(f'"HTN"#{i}' for i in range(1, 13)) + " => I10"
    assert score(whole, annotations=gold, text=text) == 1.0
    assert score(whole.replace(" =>", '; "HTN"; "HTN" =>'), annotations=gold, text=text) < 1.0


def test_odd_completions_are_empty_answers():
    for completion in ("", [], [{"role": "assistant", "content": None}], [{"role": "assistant"}]):
        assert score(completion) == score(completion, beta=0.0) == 0.0
    parts = [{"role": "assistant", "content": [{"type": "text", "text": RIGHT}]}]
    assert score(parts) == 1.0


def test_no_codes_and_none_is_right_and_unannotated_evidence_abstains():
    assert score("none", annotations=[]) == score("", annotations=[]) == 1.0
    assert score(RIGHT, annotations=[]) == 0.0
    assert score(RIGHT, annotations=None) is None
    assert score(RIGHT, annotations=[{"code": "I10", "mentions": None}]) is None


def test_it_is_reached_through_its_entry_point_and_ignores_columns_it_does_not_know():
    (entry,) = [e for e in entry_points(group="scl_rl.rewards") if e.name == "evidence"]
    function = entry.load()
    assert function.__name__ == "evidence"
    rows = {"prompts": ["p"], "completion_ids": [[1]], "trainer_state": None, "text": [NOTE]}
    assert function(completions=[RIGHT], annotations=[json.loads(json.dumps(GOLD))], **rows) == [1.0]
