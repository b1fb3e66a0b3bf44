"""The stages pairs and dpo on a tiny random model."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext

import pytest

pytest.importorskip("torch")

from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.errors import UserError
from scl_rl.stages.contract import DataFiles, StageResult
from scl_rl.stages.dpo.likelihood_log import LikelihoodLog
from scl_rl.stages.dpo.settings import DpoSettings
from scl_rl.stages.pairs import work as making_pairs
from scl_rl.stages.pairs.settings import PairsSettings
from scl_rl.stages.sft.settings import SftSettings
from tests.stages.test_training import QUICK, context, note
from tests.support.heard import Heard
from tests.support.stages import result_of
from tests.support.tiny import make_tiny_model

FEW = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 1,
    "warmup_steps": 0,
}
WRITTEN = ['"HTN" => I10', '"flu" => J11', "none", '"Has" => I10']


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny model, a tiny corpus, and SFT stages with whole weights and with an adapter."""
    folder = tmp_path_factory.mktemp("dpo")
    make_tiny_model(folder / "tiny")
    annotated = [note("d0", "HTN", "I10"), note("d1", "flu", "J11"), note("d2", "gout", "M10.9")]
    write_jsonl(folder / "documents.jsonl", annotated)
    write_jsonl(folder / "spans.jsonl", [Span(text="high BP", code="I10"), Span(text="flu", code="J11")])
    codes = [Annotation(code="I10", mentions=None)]
    write_jsonl(folder / "codes.jsonl", [Document(id="c0", text="Has high BP.", annotations=codes)])
    SftSettings(tokens=600, trainer=QUICK).run(context(folder, "whole"))
    SftSettings(tokens=600, trainer=QUICK, peft={"r": 4}).run(context(folder, "adapter"))
    return folder


def stage(place, name, parent, said=None):
    documents = place / "documents.jsonl"
    data = DataFiles(documents, place / "spans.jsonl", place / "codes.jsonl", documents, documents)
    reporter = Heard(said if said is not None else [])
    return context(place, name, parent, data=data, reporter=reporter)


def result(place, name, kind, *parents) -> StageResult:
    return result_of(name, kind, place / name, parents=parents)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def written(monkeypatch):
    """The model writes the same four answers to everything."""

    def sample(loaded, prompts, *_, samples, done, **__):
        return [(number, WRITTEN[:samples]) for number in range(len(prompts)) if number not in done]

    monkeypatch.setattr(making_pairs, "generate_groups", sample)


def test_pairs_of_sampled_answers(place, written):
    sft = result(place, "whole", "sft")
    settings = PairsSettings(pairs_per_prompt=9, balance_length=False, balance_codes=False)
    figures = settings.run(stage(place, "pairs", sft))
    pairs = lines(place / "pairs" / "pairs.jsonl")
    assert {(p["document"], p["chosen"], p["rejected"], p["error"]) for p in pairs} == {
        ("d0#0", '"HTN" => I10', '"flu" => J11', "not_located"),
        ("d0#0", '"HTN" => I10', "none", "missing_code"),
        ("d0#0", '"HTN" => I10', '"Has" => I10', "wrong_evidence"),
        ("d1#0", '"flu" => J11', '"HTN" => I10', "not_located"),
        ("d1#0", '"flu" => J11', "none", "missing_code"),
        ("d1#0", '"flu" => J11', '"Has" => I10', "wrong_code"),
    }
    assert all(p["prompt"].startswith("N:Has ") and p["kind"] == "sampled" for p in pairs)
    assert all(p["chosen_score"] == 1.0 and p["rejected_score"] == 0.0 for p in pairs)
    assert figures["pairs"] == figures["made"] == 6 and figures["by_error"]["missing_code"] == 2
    shares = [figures[name] for name in ("mean_score", "best_score", "no_spread")]
    assert shares == pytest.approx([2 / 12, 2 / 3, 1 / 3])
    assert figures["generated_tokens"] == 3 * sum(map(len, WRITTEN))  # a token a byte
    assert [b["answer"] for b in lines(place / "pairs" / "best.jsonl")] == [
        '"HTN" => I10',
        '"flu" => J11',
    ]
    assert json.loads((place / "pairs" / "report.json").read_text())["by_code"]["I10"] == 5


def test_pairs_of_one_kind_of_error(place, written):
    sft = result(place, "whole", "sft")
    settings = PairsSettings(
        errors=("missing_code",), negatives=("elsewhere",), pairs_per_prompt=1, balance_length=False
    )
    figures = settings.run(stage(place, "one-error", sft))
    assert figures["by_error"] == {"missing_code": 2} and figures["by_kind"] == {"sampled": 2}
    assert {p["rejected"] for p in lines(place / "one-error" / "pairs.jsonl")} == {"none"}


def test_hinted_pairs_set_what_was_filled_in_against_what_the_model_says(place, written):
    sft = result(place, "whole", "sft")
    folder = place / "hints"
    folder.mkdir(exist_ok=True)
    known = [
        Document(id="f0", text="Has HTN.", annotations=[filled("I10", (4, 7))]),
        Document(id="f1", text="Has flu.", annotations=[filled("J11", (4, 7))]),
    ]
    write_jsonl(folder / "documents.jsonl", known)
    hints = result_of("hints", "fill", folder, parents=(sft,))
    settings = PairsSettings(
        max_documents=0,
        max_filled=2,
        chosen="gold",
        pairs_per_prompt=9,
        balance_codes=False,
        balance_length=False,
        balance_coverage=True,
    )
    figures = settings.run(stage(place, "hinted", hints))
    pairs = lines(place / "hinted" / "pairs.jsonl")
    assert figures["by_kind"] == {"hinted": len(pairs)} and figures["made"] == 6
    assert {p["chosen"] for p in pairs} == {'"HTN" => I10', '"flu" => J11'}
    # an answer without a code would teach to write more of them
    assert {p["rejected"] for p in pairs} == {'"flu" => J11', '"HTN" => I10', '"Has" => I10'}
    assert figures["chosen_codes"] == figures["rejected_codes"] == 1.0


def filled(code, place):
    return Annotation(code=code, mentions=[[place]], filled_by="corpus", score=0.5)


def test_pairs_of_spans_and_code_only_documents(place, written):
    sft = result(place, "whole", "sft")
    settings = PairsSettings(
        max_documents=0,
        max_spans=2,
        max_code_only=1,
        rewards=["evidence", {"name": "consistency", "args": {"mention_cap": 1}}],
        min_score=0.5,
    )
    figures = settings.run(stage(place, "others", sft))
    scores = {line["id"]: line["scores"] for line in lines(place / "others" / "samples.jsonl")}
    assert scores["c0#0"] == [0.0, 0.0, 0.0, 0.0]  # quotes that aren't there, or don't imply the code
    assert sorted(map(sum, [scores["span-0"], scores["span-1"]])) == [0.0, 1.0]
    assert figures["rewards"]["consistency"]["evidence"] == pytest.approx(1 / 3)  # the flu alone
    assert [b["text"] for b in lines(place / "others" / "best.jsonl")] == ["flu"]


def test_pairs_of_gold_need_no_samples(place):
    sft = result(place, "whole", "sft")
    settings = PairsSettings(samples=0, negatives=("dropped", "elsewhere"), balance_length=False)
    figures = settings.run(stage(place, "gold", sft))
    assert figures["by_kind"] == {"dropped": 3, "elsewhere": 3} and figures["sampled_prompts"] == 0
    assert figures["by_error"] == {"missing_code": 3, "wrong_evidence": 3}
    assert (place / "gold" / "best.jsonl").read_text() == ""


def test_sampling_that_was_stopped_resumes(place):
    sft = result(place, "whole", "sft")
    settings = PairsSettings(samples=3, batch_size=1, max_new_tokens=6, temperature=2.0)  # chunks of one
    settings.run(stage(place, "all", sft))
    whole = (place / "all" / "samples.jsonl").read_text()
    at = stage(place, "stopped", sft)
    (place / "stopped" / "samples.jsonl").write_text(whole[: len(whole.split("\n")[0]) + 9])
    settings.run(at)
    assert (place / "stopped" / "samples.jsonl").read_text() == whole
    assert (place / "stopped" / "pairs.jsonl").read_text() == (place / "all" / "pairs.jsonl").read_text()


def test_settings_with_nothing_to_do_are_refused():
    for wrong, said in [
        ({"max_documents": 0}, "can't all be 0"),
        ({"samples": 0}, "nothing to make pairs of"),
    ]:
        with pytest.raises(ValueError, match=said):
            PairsSettings(**wrong)


@pytest.mark.parametrize(
    ("parent", "settings"),
    [("whole", {}), ("whole", {"peft": {"r": 4}}), ("adapter", {})],
    ids=["whole weights", "an adapter on whole weights", "the parent's adapter"],
)
def test_the_reference_is_the_model_before_the_pairs(place, written, parent, settings):
    """At the first step the policy is the reference: no margin, and DPO's loss is log 2."""
    sft = result(place, parent, "sft")
    name = f"{parent}-{len(settings)}"
    PairsSettings(balance_length=False).run(stage(place, f"pairs-{name}", sft))
    pairs = result(place, f"pairs-{name}", "pairs", sft)
    said = []
    trained = DpoSettings(anchor=0, eval_documents=2, eval_steps=9, trainer=FEW, **settings)
    figures = trained.run(stage(place, f"dpo-{name}", pairs, said))
    steps = [line for line in lines(place / f"dpo-{name}" / "monitor.jsonl") if "loss" in line]
    assert steps[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert steps[0]["chosen_change"] == pytest.approx(0, abs=1e-3)
    assert steps[0]["rejected_change"] == pytest.approx(0, abs=1e-3)
    assert steps[-1]["loss"] < steps[0]["loss"] and figures["steps"] == len(steps) == 2
    assert set(figures["dev_joint_f1"]) == {"0", "2"}
    assert (place / f"dpo-{name}" / "model" / "scl_rl.json").exists()


def test_the_anchor_holds_the_chosen_answers_up_and_a_fall_is_told(place, written):
    sft = result(place, "whole", "sft")
    PairsSettings(balance_length=False, pairs_per_prompt=1).run(stage(place, "p", sft))
    pairs = result(place, "p", "pairs", sft)
    trainer = {**FEW, "learning_rate": 3e-2, "beta": 0.5, "lr_scheduler_type": "constant"}
    said, last = {}, {}
    for anchor in (0, 10):
        said[anchor] = []
        settings = DpoSettings(
            anchor=anchor, num_train_epochs=8, eval_documents=1, eval_steps=99, trainer=trainer
        )
        at = stage(place, f"anchored-{anchor}", pairs, said[anchor])
        last[anchor] = settings.run(at)["last_steps"]["chosen_change"]
    assert last[0] < last[10]
    assert last[0] < -0.5 and any("became less likely too" in line for line in said[0])
    assert last[10] > 0 and not any("less likely" in line for line in said[10])


def test_only_answers_go_through_the_head_and_all_figures_stay_the_same(place, written, monkeypatch):
    from trl.trainer import utils

    from scl_rl.upstream import trainers

    scored, head = [], utils._ChunkedLogProbFunction.apply

    def apply(hidden, *args):
        scored.append(len(hidden))
        return head(hidden, *args)

    monkeypatch.setattr(utils._ChunkedLogProbFunction, "apply", apply)
    sft = result(place, "whole", "sft")
    PairsSettings(balance_length=False).run(stage(place, "p3", sft))
    pairs = result(place, "p3", "pairs", sft)
    settings = DpoSettings(eval_documents=1, eval_steps=99, trainer=FEW)
    settings.run(stage(place, "answers", pairs))
    few = sum(scored)
    scored.clear()
    monkeypatch.setattr(trainers, "answer_positions_alone", nullcontext)
    settings.run(stage(place, "positions", pairs))
    assert few < 0.7 * sum(scored)
    some, every = (lines(place / name / "monitor.jsonl") for name in ("answers", "positions"))
    assert all(
        line.pop("seconds").keys() == {"reference", "policy", "rest"}
        for line in some + every
        if "loss" in line
    )
    assert [list(line.values()) for line in some] == [
        pytest.approx(list(line.values()), rel=1e-4, abs=1e-4) for line in every
    ]
    assert utils._use_triton.__module__ == "trl.kernels.chunked_logprob"  # as it was


def test_without_pairs_there_is_nothing_to_train_on(place):
    (place / "none").mkdir()
    (place / "none" / "pairs.jsonl").write_text("")
    pairs = result(place, "none", "pairs", result(place, "whole", "sft"))
    with pytest.raises(UserError, match="stage 'none' made no pairs"):
        DpoSettings(trainer=FEW).run(stage(place, "dpo-none", pairs))


def test_a_stopped_dpo_resumes_and_ends_the_same(place, written, monkeypatch):
    sft = result(place, "whole", "sft")
    PairsSettings(balance_length=False).run(stage(place, "p2", sft))
    pairs = result(place, "p2", "pairs", sft)
    settings = DpoSettings(
        num_train_epochs=2, eval_documents=1, eval_steps=99, trainer={**FEW, "save_steps": 2}
    )
    settings.run(stage(place, "straight", pairs))

    logged = LikelihoodLog.logged

    def stop(self, step, logs):
        logged(self, step, logs)
        if step == 4:
            raise KeyboardInterrupt

    at = stage(place, "twice", pairs, said := [])
    with monkeypatch.context() as patch:
        patch.setattr(LikelihoodLog, "logged", stop)
        with pytest.raises(KeyboardInterrupt):
            settings.run(at)
    tokens = settings.run(at)["tokens"]
    assert settings.run(at)["tokens"] == tokens > 0  # all steps were done, and only the end was not
    assert "twice: resuming from checkpoint-2" in said or "twice: resuming from checkpoint-4" in said
    a, b = (place / name / "model" / "model.safetensors" for name in ("straight", "twice"))
    assert a.read_bytes() == b.read_bytes()
    first, second = (lines(place / name / "monitor.jsonl") for name in ("straight", "twice"))
    assert [(line["step"], line.get("tokens")) for line in first] == [
        (line["step"], line.get("tokens")) for line in second
    ]
