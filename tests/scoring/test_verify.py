"""The span dictionary, the verifiers and the reward for documents whose evidence nobody annotated."""

from __future__ import annotations

import json

import pytest

from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.reward.consistency import consistency, verifier_of
from scl_rl.scoring.dictionary import SpanDictionary
from scl_rl.scoring.verify import accuracy, spoken

SPANS = [
    Span(text="pain", code="R52"),
    Span(text="chest pain", code="R07.9"),
    Span(text="Chest  pain", code="R07.9"),
    Span(text="chest pain", code="I20.9"),
    Span(text="HTN", code="I10"),
    Span(text="--", code="Z00.0"),  # no words: never found
]


@pytest.fixture
def dictionary():
    return SpanDictionary(SPANS)


def test_the_longest_wording_is_found_and_its_usual_code(dictionary):
    text = "Chest\npain, then PAIN; htn."
    assert [(text[s:e], code) for (s, e), code in dictionary.matches(text)] == [
        ("Chest\npain", "R07.9"),
        ("PAIN", "R52"),
        ("htn", "I10"),
    ]
    assert len(dictionary) == 3


def test_only_the_codes_asked_for_are_looked_for(dictionary):
    text = "Chest pain and HTN"
    found = [(text[s:e], code) for (s, e), code in dictionary.matches(text, among=["R52", "I20.9"])]
    assert found == [("Chest pain", "I20.9")]
    assert [text[s:e] for (s, e), _ in dictionary.matches(text, among=["R52"])] == ["pain"]


def test_words_are_compared_whole(dictionary):
    assert not list(dictionary.matches("painful HTNs"))
    assert dictionary.implies("CHEST pain.", "I20.9") and not dictionary.implies("chest", "R07.9")


def test_a_dictionary_annotates_every_place(dictionary):
    found = dictionary.annotate(Document(id="d", text="HTN. No pain. HTN"))
    assert found.annotations == [
        Annotation(code="I10", mentions=[[(0, 3)], [(14, 17)]]),
        Annotation(code="R52", mentions=[[(8, 12)]]),
    ]


def test_the_accuracy_of_a_verifier_tells_the_sorts_of_words_apart(dictionary):
    documents = [
        Document(
            id="d",
            text="Seen today by me. HTN and chest pain and high BP.",
            annotations=[
                Annotation(code="I10", mentions=[[(18, 21)]], tier="A"),
                Annotation(code="R07.9", mentions=[[(26, 36)]], tier="B"),
                Annotation(code="I11.9", mentions=[[(41, 48)]], tier="C"),
            ],
        )
    ]
    assert accuracy(dictionary, documents) == {
        "evidence": pytest.approx(2 / 3),
        "evidence_A": 1.0,
        "evidence_B": 1.0,
        "evidence_C": 0.0,
        "other_code": 0.0,
        "elsewhere": 0.0,
        "pairs": 3 + 6 + 3,
    }


def test_what_a_mention_says_is_its_fragments_in_order():
    assert spoken("pain in the\nchest", [(12, 17), (0, 4)]) == "chest pain"


NOTE = "No HTN. HTN and chest pain."
CODE_ONLY = [{"code": "I10", "mentions": None}, {"code": "R07.9", "mentions": None}]


@pytest.fixture
def spans(tmp_path):
    write_jsonl(tmp_path / "spans.jsonl", SPANS)
    return str(tmp_path / "spans.jsonl")


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ('"HTN"#2 => I10\n"chest pain" => R07.9', 1.0),
        ('"HTN" => I10\n"chest pain" => R07.9', 1.0),  # negated: a quote alone can't show it
        ('"HTN" => I10', 2 / 3),
        ('"chest" => R07.9\n"HTN" => I10', 2 / 4),  # the words alone don't imply it
        ('"chest pain" => I20.9\n"HTN" => I10', 2 / 4),  # implied, but not the document's
        ('"HTN"; "made up" => I10', 2 / 4),
        ('"HTN"; "HTN"#2 => I10', 2 / 4),  # beyond the cap
        ('"chest pai" => R07.9', 0.0),
        ("none", 0.0),
    ],
)
def test_consistency_pays_for_quotes_that_imply_a_code_of_the_document(spans, completion, expected):
    assert consistency([completion], text=[NOTE], annotations=[CODE_ONLY], spans=spans) == [
        pytest.approx(expected)
    ]


def test_consistency_leaves_annotated_documents_to_evidence(spans):
    annotated = [{"code": "I10", "mentions": [[[8, 11]]]}]
    columns = {"text": [NOTE] * 2, "annotations": [annotated, None], "spans": spans}
    assert consistency(['"HTN"#2 => I10'] * 2, **columns) == [None, None]
    assert consistency(['"HTN"#2 => I10'] * 2, **columns, everywhere=True) == [1.0, None]


def test_consistency_says_what_it_needs():
    with pytest.raises(ValueError, match="needs the argument 'spans'"):
        consistency(["none"], text=[NOTE], annotations=[CODE_ONLY])
    assert consistency.needs() == {"spans"} and consistency.needs(verifier="model") == {"spans", "model"}
    with pytest.raises(ValueError, match="'verifier'"):
        consistency.check_arguments(verifier="guess")


def test_the_accuracy_behind_the_reward_is_that_of_its_verifier(spans, tmp_path):
    document = {"id": "d", "text": "HTN it is", "annotations": [{"code": "I10", "mentions": [[[0, 3]]]}]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(document) + "\n")
    figures = consistency.accuracy(tmp_path / "dev.jsonl", spans=spans)
    assert figures == {"evidence": 1.0, "elsewhere": 0.0, "pairs": 2}


def test_a_span_model_compares_codes_by_what_the_words_add(tmp_path, spans):
    torch = pytest.importorskip("torch")
    from scl_rl.modeling.load import Loaded, ModelCard, load_base, save_trained
    from tests.support.tiny import make_tiny_model

    make_tiny_model(tmp_path / "tiny")
    loaded: Loaded = load_base("tiny", tmp_path, "float32")
    card = ModelCard(base="tiny", dtype="float32", template="N:{text}\nC:", chat=False, answer="lines")
    save_trained(loaded, tmp_path / "model", card)
    model = verifier_of("model", spans, str(tmp_path / "model"), str(tmp_path))
    gains = model.gains("HTN", ["I10", "R07.9", "never.seen"])

    tokenizer = loaded.tokenizer
    for code, share in [("I10", 1 / 6), ("R07.9", 2 / 6), ("never.seen", 1 / 7)]:
        head, tail = 'N:HTN\nC:"HTN" => ', code
        ids = torch.tensor([[*tokenizer(head + tail)["input_ids"], tokenizer.eos_token_id]])
        start = len(tokenizer(head)["input_ids"])
        with torch.inference_mode():
            logits = loaded.model(ids).logits[0].log_softmax(-1)
        likelihood = sum(float(logits[i - 1, ids[0, i]]) for i in range(start, ids.shape[1]))
        assert gains[code] == pytest.approx(likelihood - torch.tensor(share).log().item(), abs=1e-4)
    best = max(gains, key=gains.get)
    model._least_gain = gains[best] - 1e-6
    assert [code for code in gains if model.implies("HTN", code, list(gains))] == [best]
    model._least_gain = gains[best] + 1e-6
    assert not any(model.implies("HTN", code, list(gains)) for code in gains)


CORPUS = [
    *((f"{start} pneumonia.", "J18.9") for start in ("Known", "He has", "Clear", "New")),
    *((f"{start} gout.", "M10.9") for start in ("Known", "He has", "Clear", "New")),
    *((f"He denies {which} at {when}.", "Z00.0") for which in ("pneumonia", "gout") for when in ("9", "10")),
    *((f"Came for {what}.", "Z00.0") for what in ("a check", "a form", "leave", "rest", "a note", "advice")),
]


@pytest.fixture
def code_only(tmp_path):
    documents = [
        Document(id=str(n), text=text, annotations=[Annotation(code=code, mentions=None)])
        for n, (text, code) in enumerate(CORPUS)
    ]
    write_jsonl(tmp_path / "code_only.jsonl", documents)
    return str(tmp_path / "code_only.jsonl")


LOOSE = {"min_association": 1.0, "min_score": 0.1}
BOTH = [{"code": "J18.9", "mentions": None}, {"code": "M10.9", "mentions": None}]


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ('"pneumonia"#2 => J18.9\n"gout" => M10.9', 1.0),
        ('"pneumonia" => J18.9\n"gout" => M10.9', 2 / 4),  # where it is denied
        ('"gout" => J18.9\n"pneumonia"#2 => M10.9', 0.0),  # each is the other's evidence
        ('"made up" => J18.9\n"gout" => M10.9', 2 / 5),
    ],
)
def test_the_corpus_judges_words_and_where_they_stand(code_only, completion, expected):
    note = "He denies pneumonia. Film shows pneumonia, and gout."
    given = {"verifier": "corpus", "code_only": code_only, "mining": LOOSE}
    assert consistency([completion], text=[note], annotations=[BOTH], **given) == [pytest.approx(expected)]


def test_several_verifiers_know_more_than_one(spans, code_only):
    known = [*BOTH, {"code": "I10", "mentions": None}]
    answer, text = '"pneumonia" => J18.9\n"HTN" => I10', "Pneumonia, gout and HTN."
    files = {"spans": spans, "code_only": code_only, "mining": LOOSE}
    scores = {
        name: consistency([answer], text=[text], annotations=[known], verifier=verifier, **files)[0]
        for name, verifier in [("d", "dictionary"), ("c", "corpus"), ("both", ["dictionary", "corpus"])]
    }
    assert scores == {"d": pytest.approx(2 / 5), "c": pytest.approx(2 / 5), "both": pytest.approx(4 / 5)}


def test_the_corpus_verifier_says_what_it_needs(code_only):
    with pytest.raises(ValueError, match="needs the argument 'code_only'"):
        consistency(["none"], text=[NOTE], annotations=[CODE_ONLY], verifier="corpus")
    assert consistency.needs(verifier="corpus") == {"code_only"}
    assert consistency.needs(verifier="corpus", annotated="a.jsonl") == set()
    assert consistency.needs(verifier=["corpus", "model"]) == {"code_only", "spans", "model"}
    with pytest.raises(ValueError, match=r"'mining\.min_scores'"):
        consistency.check_arguments(mining={"min_scores": 0.5})
    with pytest.raises(ValueError, match="empty list"):
        verifier_of([], None)


def test_the_accuracy_of_the_corpus_says_how_often_denied_words_pass(code_only, tmp_path):
    text = "He denies pneumonia. Film shows pneumonia."
    document = {"id": "d", "text": text, "annotations": [{"code": "J18.9", "mentions": [[[32, 41]]]}]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(document) + "\n")
    given = {"verifier": "corpus", "code_only": code_only, "mining": LOOSE}
    figures = consistency.accuracy(tmp_path / "dev.jsonl", **given)
    assert figures == {"evidence": 1.0, "elsewhere": 0.0, "again": 0.0, "pairs": 2}
