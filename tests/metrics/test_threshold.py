"""The least confidence with which a code is kept, chosen where the right answers are known."""

import pytest

from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction
from scl_rl.metrics.report import evaluate_predictions
from scl_rl.metrics.threshold import above, best_threshold

CODES = {"I10": "HTN", "J11.1": "flu", "M10.9": "gout", "R05.9": "cough", "R51.9": "headache"}
TEXT = "HTN, flu, gout, cough, headache."


def document(name, *codes, mentions=True):
    annotations = []
    for code in codes:
        start = TEXT.index(CODES[code])
        places = [[(start, start + len(CODES[code]))]] if mentions else None
        annotations.append(Annotation(code=code, mentions=places))
    return Document(id=name, text=TEXT, annotations=annotations)


def prediction(name, **confidences):
    codes = []
    for code, confidence in zip(CODES, confidences.values(), strict=False):
        start = TEXT.index(CODES[code])
        mention = PredictedMention(quotes=[CODES[code]], fragments=[(start, start + len(CODES[code]))])
        codes.append(PredictedCode(code=code, mentions=[mention], confidence=confidence))
    return Prediction(id=name, codes=codes)


GOLD = [document("a", "I10", "J11.1", "R05.9")]
# in the order of confidence: right, right, wrong, right, wrong
ANSWER = [prediction("a", htn=0.9, flu=0.8, gout=0.7, cough=0.6, headache=0.5)]


@pytest.mark.parametrize(
    ("beta", "least"),
    [
        (0.25, 0.8),  # two right of two: precision 1, recall 2/3
        (1.0, 0.6),  # three right of four
        (2.0, 0.6),
    ],
)
def test_it_is_the_best_of_all_that_differ(beta, least):
    found = best_threshold(GOLD, ANSWER, beta)
    assert found.confidence == least
    every = {}
    for kept in (0.9, 0.8, 0.7, 0.6, 0.0):
        micro = evaluate_predictions(GOLD, [above(ANSWER[0], kept)])["joint"]["micro"]
        p, r = micro["precision"], micro["recall"]
        every[kept] = (1 + beta**2) * p * r / (beta**2 * p + r)
    assert found.f_beta == pytest.approx(max(every.values())) == pytest.approx(every[least])
    assert found.f_beta_of_all == pytest.approx(every[0.0])


def test_codes_of_equal_confidence_are_kept_together():
    same = [prediction("a", htn=0.5, flu=0.5, gout=0.5)]
    assert best_threshold(GOLD, same).confidence == 0.0


def test_where_nothing_is_known_all_are_kept():
    code_only = [document("a", "I10", mentions=False)]
    assert best_threshold(code_only, ANSWER) == (0.0, 0.0, 0.0) == best_threshold(GOLD, [])


def test_the_evaluation_has_joint_f_beta():
    figures = evaluate_predictions(GOLD, ANSWER)["joint"]  # precision 3/5, recall 1
    assert figures["f0.5"] == pytest.approx(1.25 * 0.6 / (0.25 * 0.6 + 1))
    assert figures["f2"] == pytest.approx(5 * 0.6 / (4 * 0.6 + 1))
    assert evaluate_predictions(GOLD, [])["joint"]["f0.5"] == 0
