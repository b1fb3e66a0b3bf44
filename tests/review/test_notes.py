"""What the page is told of a note is what the scorer says."""

import pytest

from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction, Span
from scl_rl.review.notes import fingerprint, review_note
from scl_rl.review.sample import draw, estimate, widest
from scl_rl.scoring import GoldDocument, score_prediction
from scl_rl.scoring.dictionary import SpanDictionary

TEXT = "Known HTN. Cough. Mother had HTN."
GOLD = Document(
    id="a",
    text=TEXT,
    annotations=[
        Annotation(code="I10", mentions=[[(6, 9)]]),
        Annotation(code="R05.9", mentions=[[(11, 16)]]),
        Annotation(code="J45", mentions=None),
    ],
)


def predicted(code, quote, fragments):
    return PredictedCode(code=code, mentions=[PredictedMention(quotes=[quote], fragments=fragments)])


PREDICTION = Prediction(
    id="a",
    codes=[
        predicted("I10", "htn", [(29, 32)]),
        predicted("R05.9", "dry cough", None),
        predicted("J45", "wheeze", [(11, 16)]),
        predicted("X99", "Cough", [(11, 16)]),
        predicted("I10", "HTN", [(6, 9)]),
    ],
)


def test_a_prediction_is_scored_where_it_says_that_it_stands():
    score = score_prediction(PREDICTION, GoldDocument.of(GOLD))
    assert {code.code: code.outcome for code in score.codes} == {
        "I10": "cited",
        "R05.9": "not located",
        "J45": "no gold evidence",
        "X99": "wrong code",
    }
    assert (score.gold, score.lines, score.duplicates, score.cited, score.located) == (3, 5, 1, 1, 4)


def test_a_note_as_the_page_gets_it():
    wordings = SpanDictionary([Span(text="htn", code="I10"), Span(text="HTN", code="I15.0")])
    note = review_note(GOLD, PREDICTION, wordings=wordings)
    i10, cough, asthma, wrong = note["codes"]
    assert i10["outcome"] == "cited" and i10["gold"] == []
    assert [mention["places"] for mention in i10["mentions"]] == [[[(6, 9)]], [[(29, 32)]]]
    assert i10["mentions"][0]["alone"] == {"this": 1, "others": [["I15.0", 1]]}
    assert cough["mentions"][0]["fragments"] is None and cough["gold"] == [[(11, 16)]]
    assert asthma["mentions"][0]["misquoted"] and not wrong["mentions"][0]["misquoted"]


def test_missed_codes_come_last_and_a_blind_review_shows_nothing_of_gold():
    none = Prediction(id="a", codes=[])
    shown = review_note(GOLD, none)["codes"]
    assert [(code["code"], code["source"], code["outcome"]) for code in shown] == [
        ("I10", "gold", "missed"),
        ("R05.9", "gold", "missed"),
        ("J45", "gold", "missed"),
    ]
    assert review_note(GOLD, none, blind=True)["codes"] == []
    assert {code["outcome"] for code in review_note(GOLD, PREDICTION, blind=True)["codes"]} == {None}


def test_the_fingerprint_is_of_notes_and_predictions():
    first = fingerprint([GOLD], [PREDICTION])
    assert first == fingerprint([GOLD.model_copy(update={"annotations": None})], [PREDICTION])
    assert first != fingerprint([GOLD.model_copy(update={"text": "x"})], [PREDICTION])
    assert first != fingerprint([GOLD], [PREDICTION.model_copy(update={"codes": PREDICTION.codes[:1]})])


def notes(lengths):
    return [{"id": str(i), "text": "x" * n, "codes": []} for i, n in enumerate(lengths)]


def test_strata_get_their_shares_and_at_least_two_notes():
    drawn, strata = draw(notes([1] * 30 + [2] * 30 + [3] * 30), 12, "length")
    assert {s.name: (s.size, len(s.drawn)) for s in strata} == {
        "short": (30, 4),
        "medium": (30, 4),
        "long": (30, 4),
    }
    assert [note["id"] for note in drawn] == sorted((note["id"] for note in drawn), key=int)
    assert draw(notes([5] * 40), 10, seed=1)[0] != draw(notes([5] * 40), 10, seed=2)[0]


def test_the_interval_is_that_of_a_ratio_over_notes():
    # By hand: ratio 3/4; residuals of (right, of): 0.25, -0.5, 0.25; s2 = 0.1875 with mean 0.
    found = estimate([(None, [(1, 1), (1, 2), (1, 1)])])
    assert found.value == pytest.approx(0.75)
    reach = 4.302652729911275 * (0.1875 / 3) ** 0.5 / (4 / 3)
    assert found.high == pytest.approx(min(1, 0.75 + reach)) and found.low == pytest.approx(
        max(0, 0.75 - reach)
    )
    assert estimate([(3, [(1, 1), (1, 2), (1, 1)])]).low == pytest.approx(0.75)  # all notes there are
    assert estimate([(None, [(1, 1)])]) is None and estimate([(None, [(0, 0), (0, 0)])]) is None


def test_intervals_hold_as_often_as_they_say():
    import random

    rng = random.Random(0)
    population = [
        (sum(rng.random() < p for _ in range(n)), n)
        for n, p in ((rng.randint(1, 8), rng.random()) for _ in range(400))
    ]
    truth = sum(right for right, _ in population) / sum(of for _, of in population)
    held = 0
    for _ in range(400):
        found = estimate([(400, rng.sample(population, 60))])
        held += found.low <= truth <= found.high
    assert 0.91 < held / 400 < 0.985


def test_the_widest_interval_shrinks_with_the_sample():
    wide = widest(draw(notes([5] * 100), 10)[1])
    narrow = widest(draw(notes([5] * 100), 50)[1])
    assert wide == pytest.approx(1.96 * 0.5 / 10**0.5 * 0.9**0.5, rel=1e-3)
    assert narrow < wide / 2
