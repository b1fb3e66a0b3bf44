"""What is not finite stops the work with a sentence; it is neither saved nor read as an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Span
from scl_rl.errors import UserError, WorkError
from scl_rl.modeling.finite import NotFiniteError, not_finite
from scl_rl.modeling.generate import generate
from scl_rl.modeling.load import load_base, load_trained, save_trained
from scl_rl.modeling.span_model import SpanModel
from scl_rl.stages.dpo.settings import DpoSettings
from scl_rl.stages.grpo.settings import GrpoSettings
from scl_rl.stages.pairs.settings import PairsSettings
from scl_rl.stages.predict.settings import PredictSettings
from scl_rl.stages.sft.settings import SftSettings
from scl_rl.stages.shared.checkpoints import SIGNATURE
from scl_rl.stages.shared.divergence import DivergedError
from scl_rl.stages.shared.trainer import trainer_fields
from tests.stages.test_training import context, note
from tests.support.heard import Heard
from tests.support.stages import result_of
from tests.support.tiny import make_tiny_model

QUICK = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "save_steps": 1}
GROUPS = {"num_generations": 2, "max_completion_length": 8}
CHECKED = {"eval_steps": 100, "eval_documents": 1, "max_new_tokens": 8}
DIVERGED = r"^training diverged: .* (not finite at|not finite after) step \d+; lower learning_rate$"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, a tiny corpus, an SFT stage, and pairs made from it."""
    folder = tmp_path_factory.mktemp("divergence")
    make_tiny_model(folder / "tiny")
    words = [("HTN", "I10"), ("flu", "J11"), ("gout", "M10.9")] * 2
    write_jsonl(folder / "documents.jsonl", [note(f"d{i}", *both) for i, both in enumerate(words)])
    write_jsonl(folder / "spans.jsonl", [Span(text="high BP", code="I10"), Span(text="flu", code="J11")])
    SftSettings(tokens=300, trainer=QUICK).run(context(folder, "sft"))
    sft = result_of("sft", "sft", folder / "sft")
    PairsSettings(samples=0, negatives=["dropped"], balance_length=False).run(context(folder, "pairs", sft))
    (folder / "length.py").write_text("def f(completions, **_):\n    return [len(c) for c in completions]\n")
    return folder


def stage(kind: str, place: Path, **trainer):
    sft = result_of("sft", "sft", place / "sft")
    trainer = {**QUICK, **trainer}
    if kind == "sft":
        return SftSettings(tokens=900, trainer=trainer), sft
    if kind == "dpo":
        pairs = result_of("pairs", "pairs", place / "pairs", parents=(sft,))
        return DpoSettings(num_train_epochs=4, trainer=trainer, **CHECKED), pairs
    checked = {name: value for name, value in CHECKED.items() if name != "max_new_tokens"}
    return GrpoSettings(max_steps=6, rewards=["./length.py:f"], trainer=trainer | GROUPS, **checked), sft


@pytest.mark.parametrize("rate", [1e14, 1e300])
@pytest.mark.parametrize("kind", ["sft", "dpo", "grpo"])
def test_training_that_diverges_fails_and_saves_nothing_that_is_not_finite(place, kind, rate):
    settings, parent = stage(kind, place, learning_rate=rate, lr_scheduler_type="constant", warmup_steps=0)
    where = context(place, f"{kind}-{rate}", parent)
    with pytest.raises(WorkError, match=DIVERGED):
        settings.run(where)
    for file in where.folder.rglob("*.safetensors"):
        whole = file.parent.name == "model" or (file.parent / SIGNATURE).exists()
        assert not (whole and not_finite(load_file(file).items())), file
    if kind == "sft":  # the others keep the best model on dev documents, which may be the parent
        assert not (where.folder / "model").exists()


@pytest.mark.parametrize("answers", [True, False])
def test_no_step_is_taken_with_a_loss_that_is_not_finite(place, monkeypatch, answers):
    """The loss of the second of two batches is what stops the first step: no weight has changed."""
    from scl_rl.stages.sft import work
    from scl_rl.upstream.trainers import AnswerLossTrainer, WatchedSFTTrainer

    kind = AnswerLossTrainer if answers else WatchedSFTTrainer
    real, seen = kind.compute_loss, []

    def compute(self, *args, **kwargs):
        seen.append(self)
        return real(self, *args, **kwargs) * (float("nan") if len(seen) == 2 else 1.0)

    monkeypatch.setattr(kind, "compute_loss", compute)
    monkeypatch.setattr(work.AnswerLossTrainer, "can_replace", lambda config, model: answers)
    settings, parent = stage("sft", place, gradient_accumulation_steps=2)
    with pytest.raises(DivergedError, match="the loss is not finite at step 1; lower learning_rate"):
        settings.run(context(place, f"batch-{answers}", parent))
    assert len(seen) == 2
    before = load_trained(place / "sft" / "model", place).model.state_dict()
    after = seen[0].model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_gradients_that_are_not_finite_stop_training_though_the_loss_is(place, monkeypatch):
    from scl_rl.upstream.trainers import AnswerLossTrainer

    real = AnswerLossTrainer.compute_loss

    def compute(self, *args, **kwargs):
        loss = real(self, *args, **kwargs)
        loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    monkeypatch.setattr(AnswerLossTrainer, "compute_loss", compute)
    settings, parent = stage("sft", place)
    with pytest.raises(DivergedError, match="the gradient norm is not finite at step 1;"):
        settings.run(context(place, "gradients", parent))


def test_the_last_step_is_looked_at_too(place):
    """There is no loss after it: the weights themselves are."""
    settings, parent = stage("sft", place, learning_rate=1e300, lr_scheduler_type="constant", warmup_steps=0)
    settings = settings.model_copy(update={"tokens": 1, "trainer": settings.trainer | {"save_steps": 99}})
    with pytest.raises(DivergedError, match="the weights are not finite after step 1;"):
        settings.run(context(place, "last", parent))
    assert not (place / "last" / "model").exists()


def test_a_loss_that_rose_is_told_though_it_is_finite(place):
    said: list[str] = []
    how = {"lr_scheduler_type": "constant", "warmup_steps": 0, "logging_steps": 1}
    settings, parent = stage("sft", place, learning_rate=10.0, **how)
    figures = settings.run(context(place, "rises", parent, reporter=Heard(said)))
    (warning,) = figures["warnings"]
    assert re.fullmatch(r"the loss rose from 5\.\d to \d{3,}\.\d; lower learning_rate", warning)
    assert f"rises: warning: {warning}" in said
    settings, parent = stage("sft", place, learning_rate=1e-3, **how)
    assert settings.run(context(place, "falls", parent))["warnings"] == []


def test_losses_that_are_not_finite_are_logged_as_they_are(tmp_path):
    fields = trainer_fields(SftSettings(tokens=1), context(tmp_path, "defaults"))
    assert fields["logging_nan_inf_filter"] is False


@pytest.fixture
def spoilt(place, tmp_path):
    """Make a copy of the SFT model with a number of it replaced."""

    def make(value: float, everywhere: bool = False) -> Path:
        loaded = load_trained(place / "sft" / "model", place)
        from scl_rl.modeling.load import read_card

        folder = tmp_path / "stages" / "sft" / "model"
        save_trained(loaded, folder, read_card(place / "sft" / "model"))
        weights = load_file(folder / "model.safetensors")
        name = "model.layers.1.mlp.up_proj.weight"
        if everywhere:
            weights[name].fill_(value)
        else:
            weights[name][3, 4] = value
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return make


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_predict_refuses_a_model_of_which_one_weight_is_not_finite(place, spoilt, value, tmp_path):
    from click.testing import CliRunner

    folder, out = spoilt(value), tmp_path / "out.jsonl"
    documents = ["--documents", str(place / "documents.jsonl"), "--out", str(out)]
    done = CliRunner().invoke(main, ["predict", "--model", str(folder), *documents])
    assert done.exit_code == 2 and not out.exists()
    assert (
        f"error: model '{folder}': its weights are not finite (model.layers.1.mlp.up_proj.weight has NaN or "
        "infinity) (its training diverged, or its files are damaged)\n"
    ) in done.stderr


@pytest.mark.parametrize("decoding", ["free", "constrained"])
def test_predict_refuses_scores_that_are_not_finite_though_the_weights_are(place, spoilt, decoding, tmp_path):
    from click.testing import CliRunner

    folder, out = spoilt(1e38, everywhere=True), tmp_path / "out.jsonl"
    documents = ["--documents", str(place / "documents.jsonl"), "--out", str(out)]
    held = ["--decoding", decoding, *(["--codes", "icd-10-cm"] if decoding == "constrained" else [])]
    done = CliRunner().invoke(main, ["predict", "--model", str(folder), *documents, *held])
    assert done.exit_code == 1 and not out.exists()
    assert f"error: model '{folder}': its scores are not finite (NaN or infinity)" in done.stderr


@pytest.mark.parametrize("plainly", [False, True])
@pytest.mark.parametrize("sampled", [False, True])
def test_everything_that_generates_refuses_scores_that_are_not_finite(
    place, spoilt, plainly, sampled, monkeypatch
):
    from scl_rl.modeling import generate as generating
    from scl_rl.modeling.decode import Sampling
    from scl_rl.modeling.generate import generate_groups

    loaded = load_trained(spoilt(1e38, everywhere=True), place)
    monkeypatch.setattr(generating, "sharded", lambda: plainly)
    sampling = Sampling(seed=0, temperature=0.7, top_p=0.9) if sampled else None
    with pytest.raises(NotFiniteError, match="sft/model': its scores are not finite"):
        list(generate_groups(loaded, ["Has HTN."], 4, 2, samples=2, sampling=sampling))
    # a model may forbid a token
    fine = load_base("tiny", place, "float32")
    head = fine.model.get_output_embeddings()
    head.register_forward_hook(lambda module, args, out: out.index_fill(-1, torch.tensor([3]), -torch.inf))
    assert len(generate(fine, ["Has HTN."], 4, 2)) == 1


def test_a_verifier_that_is_not_finite_verifies_nothing(place, spoilt):
    model = SpanModel(spoilt(1e38, everywhere=True), [Span(text="flu", code="J11")], place)
    with pytest.raises(NotFiniteError, match="its scores are not finite"):
        model.gains("flu", ["J11"])


def test_an_adapter_that_is_not_finite_is_refused(place):
    settings, parent = stage("sft", place)
    settings = SftSettings(tokens=300, peft={"r": 2}, trainer=QUICK)
    settings.run(context(place, "adapter", parent))
    file = place / "adapter" / "model" / "adapter_model.safetensors"
    weights = load_file(file)
    next(iter(weights.values()))[0, 0] = float("nan")
    save_file(weights, file)
    with pytest.raises(UserError, match=r"adapter/model': its weights are not finite \(.*lora"):
        PredictSettings().run(context(place, "p", result_of("adapter", "sft", place / "adapter")))


def test_all_kinds_of_weights_are_looked_through():
    good = {"whole": torch.ones(3, dtype=torch.bfloat16), "none": torch.ones(0), "ids": torch.ones(2).int()}
    assert not_finite(good.items()) is None
    for value in (float("nan"), float("inf"), float("-inf")):
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            bad = torch.zeros(40, 50, dtype=dtype)
            bad[17, 3] = value
            assert not_finite({**good, "bad": bad}.items()) == "bad"
