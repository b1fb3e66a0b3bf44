"""Every reported figure, on examples small enough to count by hand."""

import json

import pytest

from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction
from scl_rl.metrics.published import codiesp_x_counts, mdace_counts
from scl_rl.metrics.report import evaluate_predictions
from scl_rl.scoring import Counts

NOTE = "Mother had asthma. He has asthma, HTN and pain in the left knee at 140 over 90."


def at(words, start=0):
    begin = NOTE.index(words, start)
    return begin, begin + len(words)


def document(identifier="a", **annotations):
    return Document(
        id=identifier, text=NOTE, annotations=[Annotation(code=c, mentions=m) for c, m in annotations.items()]
    )


def predicted(identifier="a", malformed=0, **codes):
    return Prediction(
        id=identifier,
        malformed=malformed,
        codes=[
            PredictedCode(code=c, mentions=[PredictedMention(quotes=["?"], fragments=m) for m in mentions])
            for c, mentions in codes.items()
        ],
    )


GOLD = document(J45=[[at("asthma", 20)]], I10=[[at("HTN")]], M25=[[at("pain"), at("knee")]])


def test_a_code_counts_in_joint_only_if_it_is_cited():
    said = predicted(J45=[[at("asthma")]], I10=[[at("HTN")]], R50=[[at("left")]], M25=[None], malformed=2)
    figures = evaluate_predictions([GOLD], [said])
    assert figures["code"]["micro"] == {"precision": 0.75, "recall": 1.0, "f1": pytest.approx(6 / 7)}
    assert figures["joint"]["micro"] == {
        "precision": 0.25,
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(2 / 7),
    }
    assert figures["joint"]["macro"]["f1"] == pytest.approx(1 / 4)
    assert figures["joint_anywhere"]["micro"]["recall"] == pytest.approx(2 / 3)
    assert figures["evidence"]["grounded"] == 0.75
    assert figures["evidence"]["misquoted"] == 3  # they all quote "?"
    assert (figures["all_cited"], figures["malformed"], figures["documents"]) == (0.0, 2, 1)


def test_gold_as_prediction_is_perfect_and_silence_is_not():
    said = predicted(J45=[[at("asthma", 20)]], I10=[[at("HTN")]], M25=[[at("pain"), at("knee")]])
    figures = evaluate_predictions([GOLD], [said])
    for name in ("code", "joint", "joint_anywhere"):
        assert figures[name]["micro"]["f1"] == figures[name]["macro"]["f1"] == 1.0
    for name in ("span", "span_anywhere", "token", "token_anywhere"):
        assert figures["evidence"][name]["f1"] == 1.0
    assert figures["codiesp_x"]["f1"] == figures["all_cited"] == 1.0
    silent = evaluate_predictions([GOLD, document("b")], [])
    assert silent["code"]["micro"]["f1"] == silent["evidence"]["grounded"] == 0.0
    assert silent["all_cited"] == 1.0
    assert (figures["without_prediction"], silent["without_prediction"]) == (0, 2)


def test_evidence_that_was_never_annotated_is_left_out_of_joint():
    code_only = document("b", I10=None)
    figures = evaluate_predictions([GOLD, code_only], [predicted("b", I10=[[at("HTN")]])])
    assert figures["code"]["micro"]["recall"] == 0.25
    assert figures["joint"]["micro"]["recall"] == 0.0
    assert figures["joint"]["micro"]["precision"] == 0.0


def test_mdace_scores_by_hand():
    knee = (at("pain")[0], at("knee")[1])
    gold = [("M25", [at("pain"), at("knee")]), ("J45", [at("asthma", 20)])]
    said = [("M25", [knee]), ("J45", [at("asthma")])]
    counts = mdace_counts(NOTE, gold, said)
    assert counts["span"] == Counts(1, 1, 1)  # a discontinuous mention is its hull
    assert counts["span_anywhere"] == Counts(2, 0, 0)
    assert counts["token"] == Counts(5, 1, 1)
    assert counts["token_anywhere"] == Counts(6, 0, 0)
    numbers = mdace_counts("140 over 9", [("I10", [(0, 10)])], [])
    assert numbers["token"] == Counts(0, 0, 2)  # 140 is dropped, 9 is not


@pytest.mark.parametrize(
    ("start", "end", "hit"),
    [(0, 0, 1), (-10, 10, 1), (-11, 0, 0), (0, 11, 0), (1, 0, 0), (0, -1, 0)],
)
def test_codiesp_x_tolerates_ten_characters_outside(start, end, hit):
    counts = codiesp_x_counts([("I10", [(50, 60)])], [("i10", [(50 + start, 60 + end)])], ["i10"])
    assert counts == Counts(hit, 1 - hit, 1 - hit)


def test_codiesp_x_keeps_the_order_annotated_and_counts_codes_once():
    backwards = [("R10.9", [(40, 49), (10, 15)])]
    assert codiesp_x_counts(backwards, [("R10.9", [(40, 15)])], ["R10.9"]).tp == 1
    assert codiesp_x_counts(backwards, [("R10.9", [(10, 49)])], ["R10.9"]).tp == 0
    many = [("I10", [(1, 5)]), ("I10", [(50, 60)])]
    assert codiesp_x_counts([("I10", [(50, 60)])], many, ["I10", "Z99"]) == Counts(1, 1, 0)


def test_tiers_charge_a_wrong_code_to_the_wording_that_it_cites():
    text = "He has HTN. No gout. DM2 noted. Plan: rest."
    places = {
        word: [(text.index(word), text.index(word) + len(word))] for word in ("HTN", "gout", "DM2", "rest")
    }
    tiered = Document.model_validate(
        {
            "id": "a",
            "text": text,
            "annotations": [
                {"code": "I10", "mentions": [places["HTN"]], "tier": "A"},
                {"code": "E11.9", "mentions": [places["DM2"]], "tier": "B"},
            ],
            "traps": [{"code": "M10.9", "kind": "negated", "tier": "C", "fragments": places["gout"]}],
        }
    )
    said = predicted(I10=[places["HTN"]], **{"M10.9": [places["gout"]], "Z99": [places["rest"]]})
    tiers = evaluate_predictions([tiered], [said])["tiers"]
    assert tiers["A"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}
    assert tiers["B"]["recall"] == tiers["C"]["precision"] == 0.0
    assert tiers["AB"]["f1"] == pytest.approx(2 / 4)


def test_the_hugging_face_metric_gives_the_same_figures():
    from scl_rl.metrics.evidence import CitedCodes

    said = predicted(I10=[[at("HTN")]])
    figures = CitedCodes().compute(predictions=[said.model_dump_json()], references=[GOLD.model_dump_json()])
    assert json.loads(json.dumps(figures)) == evaluate_predictions([GOLD], [said])
