"""Controls of preference training on a tiny model: filled-in evidence, sampled answers, matched cost."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")

from scl_rl.corpus.jsonl import read_documents, read_predictions, write_jsonl
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.errors import UserError
from scl_rl.stages.contract import DataFiles, StageResult
from scl_rl.stages.dictionary.settings import DictionarySettings
from scl_rl.stages.fill.settings import FillSettings
from scl_rl.stages.sft.mixture import budget
from scl_rl.stages.sft.settings import SftSettings
from tests.stages.test_training import QUICK, context, finished, note
from tests.support.stages import result_of
from tests.support.tiny import make_tiny_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny model, a tiny corpus with code-only documents, and an SFT stage."""
    folder = tmp_path_factory.mktemp("controls")
    make_tiny_model(folder / "tiny")
    write_jsonl(folder / "documents.jsonl", [note("d0", "HTN", "I10"), note("d1", "flu", "J11")])
    write_jsonl(folder / "spans.jsonl", [Span(text="high BP", code="I10"), Span(text="flu", code="J11")])
    unknown = [Annotation(code="I10", mentions=None), Annotation(code="J11", mentions=None)]
    texts = ["Has high BP and flu.", "Has HTN.", "No words for it."]
    write_jsonl(
        folder / "codes.jsonl",
        [Document(id=f"c{i}", text=text, annotations=unknown) for i, text in enumerate(texts)],
    )
    SftSettings(mixture={"documents": 0.5, "spans": 0.5}, tokens=800, trainer=QUICK).run(
        context(folder, "sft")
    )
    return folder


def data(place) -> DataFiles:
    documents = place / "documents.jsonl"
    return DataFiles(documents, place / "spans.jsonl", place / "codes.jsonl", documents, documents)


def test_a_dictionary_predicts_without_a_model(place):
    figures = DictionarySettings().run(context(place, "words", data=data(place)))
    assert figures == {"documents": 2, "wordings": 3}
    predictions = read_predictions(place / "words" / "predictions.jsonl")
    assert [[(c.code, c.mentions[0].fragments) for c in p.codes] for p in predictions] == [
        [("I10", [(4, 7)])],
        [("J11", [(4, 7)])],
    ]


def test_evidence_is_filled_in_from_the_dictionary(place):
    stage = context(place, "fill", finished(place, "sft"), data=data(place))
    figures = FillSettings(how=("dictionary",)).run(stage)
    filled = read_documents(place / "fill" / "documents.jsonl")
    assert [(d.id, [(a.code, a.mentions) for a in d.annotations]) for d in filled] == [
        ("c0", [("I10", [[(4, 11)]]), ("J11", [[(16, 19)]])])
    ]
    assert (figures["documents"], figures["kept"], figures["codes"]) == (3, 1, 6)
    assert figures["filled_by"] == {"dictionary": 3}
    assert figures["dev_evidence"] == {"precision": 1.0, "recall": 1.0}
    FillSettings(how=("dictionary",), complete=False).run(stage)
    filled = read_documents(place / "fill" / "documents.jsonl")
    assert [[a.code for a in d.annotations] for d in filled] == [["I10", "J11"], ["I10"], []]


def code_only(number: int, text: str, *codes: str) -> Document:
    return Document(id=str(number), text=text, annotations=[Annotation(code=c, mentions=None) for c in codes])


def test_evidence_is_mined_from_codes_alone_without_a_model(place):
    notes = [
        *[("Wheezing badly. He has asthma.", ("J45",)), ("Known asthma, and flu.", ("J45", "J11"))],
        *[("Asthma again today.", ("J45",)), ("No trouble today.", ()), ("Seen, and well.", ())],
    ]
    documents = [code_only(number, text, *codes) for number, (text, codes) in enumerate(notes)]
    write_jsonl(place / "notes.jsonl", documents)
    gold = [note("d0", "asthma", "J45"), note("d1", "wheezing", "J45")]
    write_jsonl(place / "gold.jsonl", gold)
    spans = place / "spans.jsonl"
    files = DataFiles(None, spans, place / "notes.jsonl", place / "gold.jsonl", place / "gold.jsonl")
    settings = FillSettings(how=("dictionary", "corpus"), mining={"prior_weight": 5}, complete=False)
    figures = settings.run(context(place, "mined", data=files))
    filled = read_documents(place / "mined" / "documents.jsonl")
    assert [[(a.code, a.mentions, a.model_extra) for a in d.annotations] for d in filled] == [
        [("J45", [[(23, 29)]], {"filled_by": "corpus", "score": 0.75})],
        [
            ("J45", [[(6, 12)]], {"filled_by": "corpus", "score": 0.75}),
            ("J11", [[(18, 21)]], {"filled_by": "dictionary"}),
        ],
        [("J45", [[(0, 6)]], {"filled_by": "corpus", "score": 0.75})],
        [],
        [],
    ]
    assert figures["filled_by"] == {"dictionary": 1, "corpus": 3}
    assert figures["dev_evidence"] == {"precision": 1.0, "recall": 0.5}
    assert figures["corpus"]["evidence"] == 0.5
    rows = {row["min_score"]: row for row in figures["corpus"]["by_score"]}
    assert rows[0.7] == {"min_score": 0.7, "found": 1, "precision": 1.0, "recall": 0.5}
    assert rows[0.8] == {"min_score": 0.8, "found": 0, "precision": None, "recall": 0.0}
    settings = FillSettings(how=("corpus",), mining={"min_count": 4})
    with pytest.raises(UserError, match="of 5 documents none could be filled in"):
        settings.run(context(place, "mined-none", data=files))


def test_sft_learns_from_what_was_filled_in(place):
    stage = context(place, "fill2", finished(place, "sft"), data=data(place))
    FillSettings().run(stage)
    filled = result_of("fill2", "fill", place / "fill2", parents=(finished(place, "sft"),))
    settings = SftSettings(mixture={"filled": 1}, tokens=300, trainer=QUICK)
    figures = settings.run(context(place, "sft-filled", filled, data=data(place)))
    assert set(figures["tokens_by_source"]) == {"filled"} and figures["tokens"] >= 300


def test_mined_wordings_are_looked_up_where_nothing_speaks_against_them(place):
    notes = [(text, ("J45",)) for text in ("Asthma today.", "Known asthma.", "He has asthma.")]
    notes += [(text, ()) for text in ["Denies asthma."] * 4 + ["Seen today.", "He is well."] * 3]
    documents = [code_only(number, text, *codes) for number, (text, codes) in enumerate(notes)]
    write_jsonl(place / "denied.jsonl", documents)
    test = [Document(id="t", text="Asthma, flu."), Document(id="u", text="Bob denies asthma.")]
    write_jsonl(place / "t.jsonl", test)
    files = DataFiles(None, place / "spans.jsonl", place / "denied.jsonl", None, place / "t.jsonl")

    def found(*how):
        settings = DictionarySettings(how=how, mining={"min_association": 1})
        assert settings.uses() == {"test", *(["code_only"] if "corpus" in how else [])}
        settings.run(context(place, "mined-words", data=files))
        predictions = read_predictions(place / "mined-words" / "predictions.jsonl")
        return [[c.code for c in prediction.codes] for prediction in predictions]

    assert found("dictionary") == [["J11"], []]
    assert found("corpus") == [["J45"], []]
    assert found("corpus", "dictionary") == [["J45", "J11"], []]


def test_a_model_can_only_be_asked_where_there_is_one():
    (parent,) = [SftSettings(tokens=1)]
    assert FillSettings(how=("corpus",)).incompatible_with([]) == ""
    assert "name the stage after 'from'" in FillSettings(how=("corpus", "model")).incompatible_with([])
    assert FillSettings(how=("corpus", "model")).incompatible_with([parent]) == ""


@pytest.mark.parametrize("verifier", ["none", "dictionary", "model"])
def test_a_models_quotes_fill_in_what_the_verifier_accepts(place, monkeypatch, verifier):
    """A model that writes what it should: the words that are there, those that aren't, and other codes."""
    from scl_rl.stages.fill import work as filling

    written = {
        "c0": ['"flu" => J11\n"high BP" => I10', '"Has" => I10\n"fever" => J11', '"Has" => I10'],
        "c1": ['"HTN" => I10\n"HTN" => E11.9'] * 3,
        "c2": ["none"] * 3,
    }
    monkeypatch.setattr(filling, "generate_groups", lambda *args, **kwargs: enumerate(written.values()))
    monkeypatch.setattr(filling, "SpanModel", lambda *args: _Accepts({("high BP", "I10"), ("HTN", "I10")}))
    stage = context(place, f"asked-{verifier}", finished(place, "sft"), data=data(place))
    object.__setattr__(stage, "data", DataFiles(None, place / "spans.jsonl", place / "codes.jsonl"))
    figures = FillSettings(how=("model",), verifier=verifier, complete=False).run(stage)
    filled = read_documents(stage.folder / "documents.jsonl")
    found = [[(a.code, d.text[slice(*a.mentions[0][0])]) for a in d.annotations] for d in filled]
    assert (
        found[:2]
        == {
            "none": [[("I10", "Has"), ("J11", "flu")], [("I10", "HTN")]],  # what was quoted most often
            "dictionary": [[("I10", "high BP"), ("J11", "flu")], []],
            "model": [[("I10", "high BP")], [("I10", "HTN")]],
        }[verifier]
    )
    assert found[2] == [] and figures["generated_tokens"] > 0


class _Accepts:
    def __init__(self, pairs):
        self.pairs = pairs

    def implies(self, words, code, among):
        return (words, code) in self.pairs


def cost(place, name, kind, parents=(), **figures) -> StageResult:
    minutes = figures.pop("minutes", 0.0)
    return result_of(name, kind, place / name, figures, minutes, parents)


def test_the_cost_of_another_stage_is_what_led_to_it_from_the_same_model(place):
    sft = cost(place, "sft", "sft", tokens=1000, minutes=2.0)
    pairs = cost(place, "pairs", "pairs", (sft,), generated_tokens=300, minutes=1.0)
    dpo = cost(place, "dpo", "dpo", (pairs,), tokens=500, minutes=0.5)
    at = context(place, "more", sft, also_needs=(dpo,))
    assert budget(SftSettings(match_compute_of="dpo"), at) == 800
    assert budget(SftSettings(match_compute_of="dpo", match_by="seconds"), at) == 750
    assert budget(SftSettings(tokens=7), at) == 7
    with pytest.raises(UserError, match="no SFT stage before it"):
        budget(
            SftSettings(match_compute_of="dpo", match_by="seconds"),
            context(place, "more2", also_needs=(dpo,)),
        )


def test_sft_learns_from_sampled_answers(place):
    folder = place / "pairs"
    folder.mkdir()
    line = {"id": "x", "text": "Has flu.", "answer": '"flu" => J11', "score": 1.0}
    (folder / "best.jsonl").write_text(json.dumps(line) + "\n")
    pairs = result_of("pairs", "pairs", folder, parents=(finished(place, "sft"),))
    settings = SftSettings(mixture={"answers": 1}, tokens=200, trainer=QUICK)
    figures = settings.run(context(place, "best-of", pairs, data=data(place)))
    assert set(figures["tokens_by_source"]) == {"answers"}
