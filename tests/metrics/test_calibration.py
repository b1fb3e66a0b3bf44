"""Confidences: what they are made of, how they are calibrated, how reliability is counted."""

import math
import random

import pytest
import torch

from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction
from scl_rl.corpus.windows import merge_windows, split_windows
from scl_rl.metrics.calibration import Calibration, confidences, cross_fitted, fit, reliability
from scl_rl.modeling.confidence import line_log_probs
from scl_rl.modeling.generate import encode_prompt
from scl_rl.modeling.load import load_base
from scl_rl.stages.shared.prompting import Prompting, predict_documents
from tests.support.tiny import make_tiny_model


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = make_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny")
    return load_base(str(folder), folder, "float32")


def test_the_lines_of_an_answer_have_the_sums_of_their_tokens(loaded):
    prompts, answers = ["Note: a\n", "A much longer note: ñ 😀\n"], ['"a" => I10\n"b" => R05.9', "none"]
    found = line_log_probs(loaded, prompts, answers)
    assert [len(lines) for lines in found] == [2, 1]
    for prompt, answer, lines in zip(prompts, answers, found, strict=True):
        begin = encode_prompt(loaded.tokenizer, prompt)
        ids = loaded.tokenizer(answer, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([begin + ids])).logits[0].log_softmax(-1)
        each = [float(logits[len(begin) + n - 1, token]) for n, token in enumerate(ids)]
        assert sum(lines) == pytest.approx(sum(each), abs=1e-3)
        first = answer.find("\n") + 1 or len(answer)  # a byte is a token, the line feed goes with its line
        assert lines[0] == pytest.approx(sum(each[:first]), abs=1e-3)


def test_a_code_has_the_probability_of_its_likeliest_line(loaded, monkeypatch):
    text = '"x" => I10\nrubbish\n\n"a" => I10\n"b" => R05.9'
    monkeypatch.setattr("scl_rl.stages.shared.prompting.generate", lambda *args, **more: [text])
    monkeypatch.setattr(
        "scl_rl.stages.shared.prompting.line_log_probs", lambda *args: [[-3.0, -0.1, 0.0, -1.0, -2.0]]
    )
    prompting = Prompting("{text}\n", False, "lines", None, loaded.tokenizer)
    (found,), _ = predict_documents(loaded, [Document(id="a", text="a b")], prompting, 8, 1, confidence=True)
    assert {c.code: c.confidence for c in found.codes} == pytest.approx(
        {"I10": math.exp(-1), "R05.9": math.exp(-2)}
    )
    assert found.malformed == 1


def test_windows_keep_the_highest_confidence():
    document = Document(id="a", text="One.\nTwo.\n")
    windows = split_windows(document, 5)
    read = [
        (window, Prediction(id="a", codes=[PredictedCode(code="I10", confidence=sure, mentions=[])]))
        for window, sure in zip(windows, (0.2, 0.7), strict=True)
    ]
    assert merge_windows("a", read).codes[0].confidence == 0.7
    assert merge_windows("a", read[::-1]).codes[0].confidence == 0.7


def test_reliability_by_hand():
    found = reliability([(0.05, False), (0.95, True), (0.92, False), (1.0, True)])
    assert found["ece"] == pytest.approx((1 * 0.05 + 3 * abs(2.87 / 3 - 2 / 3)) / 4)
    assert found["brier"] == pytest.approx((0.05**2 + 0.05**2 + 0.92**2) / 4)
    assert [b["codes"] for b in found["bins"]] == [1, 3]
    assert reliability([])["ece"] == 0.0


def test_scaling_finds_what_the_confidences_mean():
    rng = random.Random(0)
    known = []
    for _ in range(3000):
        confidence = rng.random()
        meant = Calibration(slope=0.5, offset=1.0).of(confidence)
        known.append((confidence, rng.random() < meant))
    found = fit(known)
    assert found.slope == pytest.approx(0.5, abs=0.06) and found.offset == pytest.approx(1.0, abs=0.12)
    after = cross_fitted(known)
    assert len(after) == len(known)
    assert reliability(after)["ece"] < 0.03 < reliability(known)["ece"]


def test_one_sided_results_stay_finite_and_few_are_refused():
    found = fit([(0.5, True)] * 30)
    assert 0.9 < found.of(0.5) < 1.0
    with pytest.raises(ValueError, match="19 codes are too few"):
        fit([(0.5, True)] * 19)


def test_only_codes_that_can_be_cited_are_counted():
    mention = PredictedMention(quotes=["HTN"], fragments=[(0, 3)])
    codes = [
        PredictedCode(code="I10", confidence=0.9, mentions=[mention]),
        PredictedCode(code="R05.9", confidence=0.4, mentions=[mention]),
    ]
    gold = [
        Document(id="a", text="HTN", annotations=[Annotation(code="I10", mentions=[[(0, 3)]])]),
        Document(id="b", text="HTN", annotations=[Annotation(code="I10", mentions=None)]),
    ]
    found = confidences(gold, [Prediction(id=name, codes=codes) for name in "ab"])
    assert found == [(0.9, True), (0.4, False)]
    scaled = Calibration(offset=-100.0).apply(Prediction(id="a", codes=codes))
    assert [code.confidence < 0.01 for code in scaled.codes] == [True, True] and codes[0].confidence == 0.9


def test_a_few_tiny_probabilities_do_not_make_all_confidences_alike():
    informative = [(0.1, False)] * 40 + [(0.1, True)] * 10 + [(0.8, True)] * 40 + [(0.8, False)] * 10
    scaling = fit([*informative, *[(1e-20, True)] * 3])
    assert scaling.of(0.8) - scaling.of(0.1) > 0.4
