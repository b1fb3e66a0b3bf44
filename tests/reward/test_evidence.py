"""The evidence reward: gold is best, and what is not in the note earns nothing."""

import json
import time
from importlib.metadata import entry_points

import pytest

from scl_rl.reward.codes import hierarchy
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


def test_every_place_of_a_word_and_letters_of_a_word_lose():
    assert score('"asthma"; "asthma"#2 => J45.909\n"HTN" => I10') == pytest.approx(4 / 5)
    assert score('"asthma"#2 => J45.909\n"T"#1 => I10') < score('"asthma"#2 => J45.909')
    torn = NOTE.lower()[:39].count("t")  # the T of HTN
    assert score(f'"asthma"#2 => J45.909\n"T"#{torn} => I10') == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("match", "quote", "expected"),
    [
        ("overlap", "asthma and", 2 / 3),
        ("exact", "asthma and", 0.0),
        ("exact", "asthma", 1.0),
        ("containment", "asthma and", 0.0),
        ("containment", "asthma", 1.0),
    ],
)
def test_ways_to_match(match, quote, expected):
    gold = [{"code": "J45.909", "mentions": [[[26, 32]]]}]
    assert score(f'"{quote}"#{1 + (quote == "asthma")} => J45.909', gold, match=match) == pytest.approx(
        expected
    )


def test_part_of_the_evidence_is_inside_it():
    gold = [{"code": "R07.9", "mentions": [[[4, 23]]]}]
    text = "Has burning chest pain."
    assert score('"pain" => R07.9', gold, text, match="containment") == 1.0
    assert score('"pain" => R07.9', gold, text, match="overlap") == pytest.approx(0.5)


def test_arguments_are_checked():
    evidence.check_arguments(beta=0.5, soft=False, match="exact", occurrence="any", mention_cap=3)
    for wrong, said in [
        ({"beta": 0}, "argument 'beta': input should be greater than 0, not 0"),
        ({"beta": float("nan")}, "argument 'beta'"),
        ({"occurrence": "typo"}, "argument 'occurrence': input should be 'given' or 'any', not 'typo'"),
        ({"mention_cap": 0}, "argument 'mention_cap'"),
        ({"soft": "yes"}, "argument 'soft'"),
    ]:
        with pytest.raises(ValueError, match=said):
            evidence.check_arguments(**wrong)


def test_a_reward_explains_and_logs_what_its_score_is_made_of():
    rows = {"text": [NOTE] * 3, "annotations": [GOLD, GOLD, None]}
    completions = [RIGHT, '"asthma" => J45.909\n"zebra" => I10\n"fever" => R50.9\nx', RIGHT]
    best, worse, unknown = evidence.explain(completions, **rows)
    assert unknown is None and best.score == 1.0
    counted = {"credit": 0.0, "claimed": 5, "gold": 2, "right": 2, "cited": 0, "unlocated": 1, "malformed": 1}
    assert worse.parts == counted
    metrics, columns = {}, {}
    scores = evidence(completions, **rows, log_metric=metrics.__setitem__, log_extra=columns.__setitem__)
    assert scores == [1.0, 0.0, None]
    assert metrics["evidence/claimed"] == (2 + 5) / 2 and metrics["evidence/unlocated"] == 0.5
    right = 'J45.909 cited "asthma"#2; I10 cited "HTN"'
    wrong = 'J45.909 wrong evidence "asthma"; I10 not located "zebra"; R50.9 wrong code "fever"'
    assert columns == {"evidence/citations": [right, wrong, None]}


def closeness(predicted, gold):
    lines = "\n".join(f'"HTN" => {code}' for code in predicted)
    annotations = [{"code": code, "mentions": None} for code in gold]
    (found,) = hierarchy.explain([lines], text=[NOTE], annotations=[annotations])
    return found.parts["closeness"]


def test_closeness_in_the_tree():
    assert closeness(["I10"], ["I10"]) == 1.0
    assert closeness(["J45.901"], ["J45.909"]) == pytest.approx(0.75 + 0.25 * 2 / 3)  # J45.9, J45.90
    assert closeness(["J45.20"], ["J45.909"]) == pytest.approx(0.75)
    assert closeness(["J44.9"], ["J45.909"]) == pytest.approx(0.5)
    assert closeness(["J18.9"], ["J45.909"]) == pytest.approx(0.25)
    assert closeness(["I10"], ["J45.909"]) == 0.0
    assert closeness(["R10.99"], ["R10.9"]) == pytest.approx(0.875)  # not in the tables
    assert closeness(["XYZ"], ["QQQ"]) == 0.0 and closeness(["XYZ"], ["XYZ"]) == 1.0


def test_codes_are_paired_one_to_one_so_that_most_is_shared():
    assert closeness(["J45.901", "J44.9"], ["J45.909"]) == pytest.approx(0.75 + 0.25 * 2 / 3)
    assert closeness(["J45.909", "J45.901"], ["J45.901", "J45.909"]) == 2.0
    assert closeness(["J45.20", "J18.9"], ["J45.909", "J44.9"]) == pytest.approx(0.75 + 0.25)


def test_time_grows_with_lines_and_length_and_not_faster():
    """Quotes that are nowhere, places of a letter, long answers: 16 times the input, 16 times the time."""

    def seconds(text, completion):
        gold = [{"code": "I10", "mentions": [[[0, 2]]]}]
        started = time.process_time()
        evidence([completion], text=[text], annotations=[gold])
        return time.process_time() - started

    def lines(quotes):
        return "\n".join(f"{quote} => R{i % 100:02}.{i % 10}" for i, quote in enumerate(quotes))

    word = "ab b aab "
    for make in (
        lambda n: (word * 10_000, lines(f'"zz {i}"' for i in range(1000 * n))),
        lambda n: (word * 10_000, lines(f'"a"#{19_000 + i % 50}' for i in range(1000 * n))),
        lambda n: (word * 10_000 * n, lines(f'"zz {i}"' for i in range(300))),
        lambda n: (word * 10_000 * n, lines(f'"b"#{5_000 * n + i}' for i in range(300))),
        lambda n: ("Has HTN.", '"x' * 100_000 * n),
    ):
        few, many = (min(seconds(*make(n)) for _ in range(3)) for n in (1, 16))
        assert many < 60 * max(few, 0.002)
