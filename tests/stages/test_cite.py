"""Evidence for codes that are known: what is trained on, how the model is asked, what comes out."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")

from scl_rl.answer.prompt import cite_prompt_for
from scl_rl.answer.settings import PromptSettings
from scl_rl.corpus.jsonl import read_documents, read_predictions, write_jsonl
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.modeling.load import read_card
from scl_rl.stages.dpo.settings import DpoSettings
from scl_rl.stages.fill.settings import FillSettings
from scl_rl.stages.pairs.settings import PairsSettings
from scl_rl.stages.predict.settings import PredictSettings
from scl_rl.stages.predict.work import Predictor
from scl_rl.stages.sft.settings import SftSettings
from scl_rl.stages.sft.sources import pairs_of_file
from scl_rl.stages.shared.prompting import Prompting
from tests.stages.test_training import QUICK, context, finished
from tests.support.tiny import make_tiny_model

WORDS = {"I10": "HTN", "J11": "flu", "M10.9": "gout"}
PROMPT = PromptSettings(template="N:{text}\nC:", cite_template="N:{text}\nK:{codes}\nC:")


def note(name, *codes):
    text = "Has " + " and ".join(WORDS[code] for code in codes) + "."
    annotations = [
        Annotation(
            code=code, mentions=[[(text.index(WORDS[code]), text.index(WORDS[code]) + len(WORDS[code]))]]
        )
        for code in codes
    ]
    return Document(id=name, text=text, annotations=annotations)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model that was trained for a moment to cite."""
    folder = tmp_path_factory.mktemp("cite")
    make_tiny_model(folder / "tiny", seed=2)
    notes = [
        note("d0", "J11", "I10"),
        note("d1", "M10.9"),
        note("d2", "I10"),
        Document(id="d3", text="Well."),
    ]
    notes[3].annotations = []
    write_jsonl(folder / "documents.jsonl", notes)
    write_jsonl(folder / "spans.jsonl", [Span(text="HTN", code="I10")])
    settings = SftSettings(mixture={"documents": 1, "cite": 1}, tokens=600, trainer=QUICK, peft={"r": 4})
    figures = settings.run(context(folder, "sft", prompt=PROMPT))
    assert set(figures["tokens_by_source"]) == {"documents", "cite"}
    return folder


def test_the_prompt_names_the_codes_in_an_order_that_says_nothing():
    template = "{codes}\n{text}\n{codes}!"
    assert cite_prompt_for("a {codes} b", ["R52", "I10"], template, False, False) == (
        "I10\nR52\na {codes} b\nI10\nR52!"
    )
    titled = cite_prompt_for("a", ["X", "I10"], "{text}:{codes}", True, True)
    assert titled == [{"role": "user", "content": "a:I10 Essential (primary) hypertension\nX"}]


def test_a_document_is_asked_about_all_its_codes_and_now_and_then_one_that_it_has_not(place):
    more = [note(f"m{i}", *codes) for i, codes in enumerate([("J11", "I10"), ("M10.9",)] * 60)]
    write_jsonl(place / "more.jsonl", more)
    own = context(place, "source", prompt=PROMPT)
    own = type(own)(**{**vars(own), "data": type(own.data)(annotated=place / "more.jsonl")})
    made, records = pairs_of_file("cite", own, Prompting.of(own, None))
    pairs = list(made(range(records)))
    assert len(pairs) == 120
    asked = [prompt.partition("K:")[2].removesuffix("\nC:").split("\n") for prompt, _ in pairs]
    answered = [answer.count("=>") for _, answer in pairs]
    assert answered == [2, 1] * 60  # what can't be cited is left out
    assert all(codes == sorted(codes) for codes in asked)
    beyond = sum(len(codes) > count for codes, count in zip(asked, answered, strict=True))
    assert 20 < beyond < 55  # about three in ten
    assert pairs == list(made(range(records)))


def test_the_card_says_that_a_model_can_cite_and_its_descendants_too(place):
    assert read_card(place / "sft" / "model").cite_template == PROMPT.cite_template
    PairsSettings(samples=0, negatives=["dropped"], balance_length=False).run(
        context(place, "pairs", finished(place, "sft"), prompt=PROMPT)
    )
    pairs = finished(place, "pairs", "pairs")
    pairs = type(pairs)(**{**vars(pairs), "parents": (finished(place, "sft"),)})
    DpoSettings(eval_steps=9, eval_documents=1, trainer=QUICK).run(
        context(place, "dpo", pairs, prompt=PROMPT)
    )
    assert read_card(place / "dpo" / "model").cite_template == PROMPT.cite_template
    SftSettings(tokens=100, trainer=QUICK).run(context(place, "plain", prompt=PROMPT))
    assert read_card(place / "plain" / "model").cite_template is None


@pytest.fixture
def asked(monkeypatch):
    """The prompts that the model is given."""
    seen = []
    from scl_rl.modeling import generate

    encode = generate.encode_prompt
    monkeypatch.setattr(
        generate, "encode_prompt", lambda tokenizer, prompt: seen.append(prompt) or encode(tokenizer, prompt)
    )
    return seen


@pytest.mark.parametrize("parent", ["sft", "plain"])
def test_each_note_is_held_to_its_own_codes(place, asked, parent):
    folder = place / parent / "model"
    if not folder.exists():
        SftSettings(tokens=100, trainer=QUICK).run(context(place, "plain", prompt=PROMPT))
        asked.clear()
    documents = read_documents(place / "documents.jsonl")
    found, counts = Predictor(folder, base=place, max_new_tokens=60, batch_size=4).cite(documents)
    assert [[code.code for code in one.codes] for one in found] == [["J11", "I10"], ["M10.9"], ["I10"], []]
    assert all(m.fragments for one in found for code in one.codes for m in code.mentions)
    assert counts["documents"] == 4 and counts["codes"] == 4
    known = {prompt.partition("K:")[2] for prompt in asked}
    assert known == ({"I10\nJ11\nC:", "M10.9\nC:", "I10\nC:"} if parent == "sft" else {""})


def test_a_predict_stage_reports_evidence_of_given_codes(place):
    own = context(place, "cited", finished(place, "sft"), prompt=PROMPT)
    figures = PredictSettings(task="cite", split="dev", max_new_tokens=40).run(own)
    assert figures["codes"] == 4 and figures["documents"] == 4
    documents = read_documents(place / "documents.jsonl")
    found = read_predictions(place / "cited" / "predictions.jsonl", documents)
    assert [one.id for one in found] == ["d0", "d1", "d2", "d3"]
    for wrong in ({"decoding": "constrained"}, {"threshold": {"beta": 0.5}}):
        with pytest.raises(ValueError, match="task: cite"):
            PredictSettings(task="cite", **wrong)


def test_fill_asks_such_a_model_with_the_codes(place, asked):
    code_only = [
        Document(id="c", text="Has flu.", annotations=[Annotation(code="J11", mentions=None)]),
    ]
    write_jsonl(place / "code_only.jsonl", code_only)
    own = context(place, "filled", finished(place, "sft"), prompt=PROMPT)
    data = type(own.data)(annotated=place / "documents.jsonl", code_only=place / "code_only.jsonl")
    own = type(own)(**{**vars(own), "data": data})
    FillSettings(how=["dictionary"]).run(own)
    assert not asked
    settings = FillSettings(how=["dictionary", "model"], verifier="none", samples=2, max_new_tokens=8)
    write_jsonl(place / "code_only.jsonl", [*code_only, note("u", "I10")])
    unknown = Document(id="u", text="Unwell.", annotations=[Annotation(code="I10", mentions=None)])
    write_jsonl(place / "code_only.jsonl", [*code_only, unknown])
    assert settings.run(own)["filled_by"]["dictionary"] == 1
    assert asked == ["N:Unwell.\nK:I10\nC:"] * len(asked) and asked


def test_a_threshold_keeps_what_is_best_on_dev(place, monkeypatch):
    answer = '"HTN" => I10\n"flu" => J11'
    monkeypatch.setattr(
        "scl_rl.stages.shared.prompting.generate", lambda loaded, prompts, *_, **__: [answer] * len(prompts)
    )
    own = context(place, "cautious", finished(place, "sft"), prompt=PROMPT)
    figures = PredictSettings(split="test", threshold={"beta": 0.5}).run(own)
    chosen = figures["threshold"]
    assert chosen["beta"] == 0.5 and chosen["f_beta"] > chosen["f_beta_of_all"] > 0
    kept, every = (
        [code["confidence"] for line in path.read_text().splitlines() for code in json.loads(line)["codes"]]
        for path in (place / "cautious/predictions.jsonl", place / "cautious/dev_predictions.jsonl")
    )
    assert len(every) == 8 and len(kept) < 8  # dev and test are the same notes here
    assert kept == [confidence for confidence in every if confidence >= chosen["confidence"]]
