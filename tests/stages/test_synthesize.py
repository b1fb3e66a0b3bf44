"""Spans made by a stage, what SFT takes of them, and how often."""

import random
from collections import Counter
from itertools import islice

import pytest

torch = pytest.importorskip("torch")

from scl_rl.answer.settings import PromptSettings  # noqa: E402
from scl_rl.corpus.jsonl import read_spans, write_jsonl  # noqa: E402
from scl_rl.corpus.types import Annotation, Document, Span  # noqa: E402
from scl_rl.errors import UserError  # noqa: E402
from scl_rl.modeling.settings import ModelSettings  # noqa: E402
from scl_rl.reporter import QUIET  # noqa: E402
from scl_rl.stages.contract import DataFiles, StageContext  # noqa: E402
from scl_rl.stages.sft.sampling import check_weights, shuffled_turns, span_weights  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings, SpanSamplingSettings  # noqa: E402
from scl_rl.stages.synthesize.settings import SynthesizeSettings  # noqa: E402
from tests.support.stages import result_of  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

FILTERS = {"ambiguous": False}  # the whole list takes seconds to read


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthesize")
    make_tiny_model(folder / "tiny")
    documents = [
        Document(id=words, text=words, annotations=[Annotation(code=code, mentions=[[(0, len(words))]])])
        for words, code in (("HTN", "I10"), ("stone", "N20.0"))
    ]
    write_jsonl(folder / "documents.jsonl", documents)
    write_jsonl(folder / "spans.jsonl", [Span(text="BP high", code="I10", source="own")])
    return folder


def context(place, name, *parents):
    folder = place / name
    folder.mkdir()
    documents = place / "documents.jsonl"
    return StageContext(
        name=name,
        folder=folder,
        base=place,
        seed=0,
        model=ModelSettings(name="tiny", dtype="float32"),
        prompt=PromptSettings(template="N:{text}\nC:"),
        answer="lines",
        window=None,
        data=DataFiles(annotated=documents, spans=place / "spans.jsonl", test=documents),
        parents=parents,
        reporter=QUIET,
    )


def test_sft_trains_on_the_spans_that_a_stage_made(place):
    made = SynthesizeSettings(filters=FILTERS, per_code=5).run(context(place, "made"))
    spans = read_spans(place / "made" / "spans.jsonl")
    assert made["spans"] == len(spans) == 10 and made["codes"] == 2
    parent = result_of("made", "synthesize", place / "made")
    settings = SftSettings(
        mixture={"documents": 0.3, "spans": 0.2, "synthesized": 0.5},
        span_sampling={"weights": {"inclusion": 2}},
        tokens=600,
        peft={"r": 2},
        trainer={"per_device_train_batch_size": 4, "logging_steps": 1},
    )
    figures = settings.run(context(place, "sft", parent))
    assert 300 <= figures["tokens_by_source"]["synthesized"] < 400


def test_a_stage_without_a_span_says_so(place):
    with pytest.raises(UserError, match="stage 'none': no spans were made"):
        SynthesizeSettings(codes=["XYZ"], filters=FILTERS).run(context(place, "none"))


SPANS = [
    Span(text="a", code="I10", source="tabular", rules=["title"]),
    Span(text="b", code="I10", source="tabular", rules=["title", "typos"]),
    Span(text="c", code="J11", source="mined"),
    Span(text="d", code="I10", source="mined"),
]


def weights(**settings):
    return span_weights(SPANS, SpanSamplingSettings(**settings))


def test_weights_multiply_and_nought_excludes():
    assert weights() is None
    found = weights(weights={"tabular": 0.5, "typos": 0})
    assert [round(w / found[2], 6) for w in found] == [0.5, 0, 1, 1]


def test_temperature_flattens_the_shares_of_codes():
    found = weights(temperature=2)
    shares = Counter()
    for span, weight in zip(SPANS, found, strict=True):
        shares[span.code] += weight
    assert shares["I10"] / shares["J11"] == pytest.approx(3**0.5)


def test_a_weight_for_nothing_is_refused():
    with pytest.raises(UserError, match=r"no span has the source.*'typo' .did you mean 'typos'"):
        check_weights(SpanSamplingSettings(weights={"typo": 0}), SPANS)
    check_weights(SpanSamplingSettings(weights={"typos": 0, "mined": 1}), SPANS)
    with pytest.raises(UserError, match="they exclude every span"):
        weights(weights={"tabular": 0, "mined": 0})


def test_turns_have_each_as_often_as_its_weight_says():
    turns = list(islice(shuffled_turns("abcd", [1, 0, 2, 1], random.Random(0)), 400))
    counts = Counter(example for turn in turns for example in turn)
    assert counts["b"] == 0 and counts["c"] == pytest.approx(2 * counts["a"], rel=0.1)
    assert all(len(turn) == 3 and turn.count("c") in (1, 2) for turn in turns)
    assert not list(islice(shuffled_turns("", None, random.Random(0)), 1))


def test_equal_weights_are_a_turn_of_each_once():
    turns = list(islice(shuffled_turns("abcd", [0.1, 0.1, 0.1, 0.1], random.Random(0)), 50))
    assert all(sorted(turn) == list("abcd") for turn in turns) and len({*map("".join, turns)}) > 5
