"""The training stages on a tiny random model: what is learned from, what is kept, what travels on."""

import itertools
import json
import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from scl_rl.answer.settings import PromptSettings  # noqa: E402
from scl_rl.corpus.jsonl import read_predictions, write_jsonl  # noqa: E402
from scl_rl.corpus.types import Annotation, Document, Span  # noqa: E402
from scl_rl.corpus.window_settings import WindowSettings  # noqa: E402
from scl_rl.errors import UserError  # noqa: E402
from scl_rl.modeling.load import load_base, load_trained  # noqa: E402
from scl_rl.modeling.settings import ModelSettings  # noqa: E402
from scl_rl.reporter import QUIET  # noqa: E402
from scl_rl.stages.contract import DataFiles, StageContext, StageResult  # noqa: E402
from scl_rl.stages.grpo.settings import GrpoSettings  # noqa: E402
from scl_rl.stages.predict.settings import PredictSettings  # noqa: E402
from scl_rl.stages.sft.mixture import in_batches  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from tests.support.heard import Heard  # noqa: E402
from tests.support.stages import result_of  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

QUICK = {"per_device_train_batch_size": 4, "logging_steps": 1, "learning_rate": 1e-2}
FEW = {**QUICK, "num_generations": 4, "gradient_accumulation_steps": 1, "max_completion_length": 16}


def note(identifier: str, words: str, code: str) -> Document:
    text = f"Has {words}."
    return Document(
        id=identifier, text=text, annotations=[Annotation(code=code, mentions=[[(4, 4 + len(words))]])]
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny model and a tiny corpus."""
    folder = tmp_path_factory.mktemp("stages")
    make_tiny_model(folder / "tiny")
    documents = [
        note(f"d{i}", words, code) for i, (words, code) in enumerate([("HTN", "I10"), ("flu", "J11")] * 3)
    ]
    write_jsonl(folder / "documents.jsonl", documents)
    write_jsonl(folder / "spans.jsonl", [Span(text="high BP", code="I10")])
    return folder


def context(place: Path, name: str, *parents: StageResult, **changes) -> StageContext:
    folder = place / name
    folder.mkdir(exist_ok=True)
    documents = place / "documents.jsonl"
    fields = {
        "model": ModelSettings(name="tiny", dtype="float32"),
        "prompt": PromptSettings(template="N:{text}\nC:"),
        "answer": "lines",
        "window": None,
        "data": DataFiles(annotated=documents, spans=place / "spans.jsonl", dev=documents, test=documents),
        "reporter": QUIET,
        **changes,
    }
    return StageContext(name=name, folder=folder, base=place, seed=0, parents=parents, **fields)


def finished(place: Path, name: str, kind: str = "sft") -> StageResult:
    return result_of(name=name, kind=kind, folder=place / name)


@pytest.fixture(scope="module")
def sft(place):
    """An SFT stage with an adapter; its figures."""
    settings = SftSettings(
        mixture={"documents": 0.5, "spans": 0.5}, tokens=1500, peft={"r": 4}, trainer=QUICK
    )
    return settings.run(context(place, "sft"))


def test_sft_spends_its_tokens_by_share(sft):
    by_source = sft["tokens_by_source"]
    assert sft["tokens"] == sum(by_source.values())
    for tokens in by_source.values():
        assert 750 <= tokens < 750 + 60  # the last example may go over
    assert sft["steps"] == -(-sft["examples"] // 4)


def test_the_loss_is_on_the_answer_alone_and_the_prompt_is_what_generation_sees(place):
    from scl_rl.modeling.generate import encode_prompt
    from scl_rl.modeling.load import load_base
    from scl_rl.stages.sft.examples import example
    from scl_rl.stages.shared.prompting import Prompting

    tokenizer = load_base("tiny", place, "float32").tokenizer
    prompting = Prompting("N:{text}\nC:", False, "lines", None, tokenizer)
    made = example(prompting.prompt("Has {braces}."), '"{braces}" => I10', prompting)
    trained = [t for t, m in zip(made["input_ids"], made["completion_mask"], strict=True) if m]
    assert tokenizer.decode(trained) == '"{braces}" => I10<|end|>'
    prompt = made["input_ids"][: -len(trained)]
    assert prompt == encode_prompt(tokenizer, "N:Has {braces}.\nC:")


@pytest.mark.parametrize("answers", [True, False], ids=["our loss", "TRL's"])
def test_a_step_trains_on_answers_alone(place, monkeypatch, answers):
    from scl_rl.stages.sft import work

    kind = work.AnswerLossTrainer if answers else work.WatchedSFTTrainer
    monkeypatch.setattr(work.AnswerLossTrainer, "can_replace", lambda config, model: answers)
    seen, loss_of = [], kind.compute_loss

    def compute_loss(self, model, inputs, *args, **kwargs):
        seen.append({name: inputs[name].clone() for name in ("input_ids", "labels")})
        return loss_of(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(kind, "compute_loss", compute_loss)
    settings = SftSettings(tokens=200, mixture={"documents": 0.5, "spans": 0.5}, trainer=QUICK)
    settings.run(context(place, f"labels-{answers}"))
    tokenizer = load_base("tiny", place, "float32").tokenizer
    rows = [row for batch in seen for row in zip(batch["input_ids"], batch["labels"], strict=True)]
    assert len(rows) >= 8
    for ids, labels in rows:
        assert tokenizer.decode(ids).startswith("N:")
        assert tokenizer.decode(labels[labels != -100]) in (
            '"HTN" => I10<|end|>',
            '"flu" => J11<|end|>',
            '"high BP" => I10<|end|>',
        )


def test_batches_are_of_like_length_and_come_in_random_order():
    """Long and short ones must not take turns for long, or one is forgotten while the other is learned."""
    lengths = [100 + i % 7 for i in range(301)] + [10 + i % 3 for i in range(400)]
    chosen = range(len(lengths))
    ordered = [lengths[number] for number in in_batches(chosen, lengths, 4, random.Random(0))]
    assert sorted(ordered) == sorted(lengths)
    batches = [ordered[i : i + 4] for i in range(0, len(ordered), 4)]
    assert [len(batch) for batch in batches[:-1]] == [4] * 175 and len(batches[-1]) == 1
    mixed = sum(max(batch) - min(batch) > 10 for batch in batches)
    assert mixed <= 4  # one a stretch
    kinds = [max(batch) > 50 for batch in batches]
    runs = [len(list(same)) for _, same in itertools.groupby(kinds)]
    assert max(runs) < 16
    assert ordered != [lengths[number] for number in in_batches(chosen, lengths, 4, random.Random(1))]


def test_sft_without_spans_says_so(place):
    bare = context(place, "bare", data=DataFiles(annotated=place / "documents.jsonl"))
    with pytest.raises(UserError, match="stage 'bare': the data source has no spans"):
        SftSettings(mixture={"documents": 1.0, "spans": 1.0}, tokens=100, peft={"r": 4}).run(bare)


def test_grpo_starts_at_the_sft_model(place, sft):
    """Step 1's KL against the reference is 0, and the reference is the SFT model, not the base."""
    settings = GrpoSettings(max_steps=2, eval_steps=1, eval_documents=4, trainer={**FEW, "beta": 0.1})
    figures = settings.run(context(place, "grpo", finished(place, "sft")))
    assert figures["kl"][0] == pytest.approx(0.0, abs=1e-6)
    assert set(figures["dev_joint_f1"]) == {"0", "1", "2"}
    assert figures["tokens"] > 0
    assert json.loads((place / "grpo" / "dev_checks.json").read_text()) == figures["dev_joint_f1"]
    assert not (place / "grpo" / "model" / "ref").exists()
    before = load_trained(place / "sft" / "model", place).model.state_dict()
    base_like = [value for key, value in before.items() if "lora_B" in key]
    assert any(bool(value.abs().max() > 0) for value in base_like)  # else KL 0 would prove nothing
    if figures["kept_step"] == 0:
        after = load_trained(place / "grpo" / "model", place).model.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_full_fine_tune_travels_too(place):
    settings = SftSettings(tokens=400, trainer={**QUICK, "learning_rate": 1e-3})
    settings.run(context(place, "full"))
    model = load_trained(place / "full" / "model", place).model
    assert model.dtype == torch.float32
    settings = GrpoSettings(max_steps=1, eval_documents=2, trainer={**FEW, "beta": 0.1})
    figures = settings.run(context(place, "full-grpo", finished(place, "full")))
    assert figures["kl"][0] == pytest.approx(0.0, abs=1e-6)


def test_an_adapter_on_whole_weights_lies_on_its_parents(place, sft):
    """It is saved alone, and must find its parent's weights again, not those of the first model."""
    SftSettings(tokens=400, trainer={**QUICK, "learning_rate": 1e-3}).run(context(place, "whole"))
    adapted = GrpoSettings(
        max_steps=1, eval_documents=2, peft={"r": 4}, trainer={**FEW, "learning_rate": 1e-9}
    )
    figures = adapted.run(context(place, "adapted", finished(place, "whole")))
    assert figures["kl"][0] == pytest.approx(0.0, abs=1e-6)
    more = GrpoSettings(max_steps=1, eval_documents=2, trainer={**FEW, "learning_rate": 1e-9})
    more.run(context(place, "adapted-more", finished(place, "adapted", "grpo")))
    ids = torch.arange(5)[None]

    def scores(name):
        with torch.no_grad():
            return load_trained(place / name / "model", place).model(input_ids=ids).logits

    assert not torch.allclose(scores("sft"), scores("whole"), atol=1e-3)
    assert torch.allclose(scores("adapted"), scores("whole"), atol=1e-4)
    assert torch.allclose(scores("adapted-more"), scores("whole"), atol=1e-4)
    (place / "whole").rename(place / "elsewhere")
    with pytest.raises(UserError, match="the adapter's base model is gone"):
        load_trained(place / "adapted" / "model", place)


def test_frozen_weights_stay(place):
    frozen = SftSettings(tokens=400, freeze=["embed", "layers.0"], trainer={**QUICK, "learning_rate": 1e-2})
    frozen.run(context(place, "frozen"))
    before = load_base("tiny", place, "float32").model.state_dict()
    after = load_trained(place / "frozen" / "model", place).model.state_dict()
    stayed = {name for name in before if torch.equal(before[name], after[name])}
    tied = {"lm_head.weight"} & set(before)
    assert stayed == {name for name in before if "embed" in name or "layers.0." in name} | tied
    with pytest.raises(UserError, match="freeze: no parameter matches 'embeddings'"):
        SftSettings(tokens=100, freeze=["embeddings"]).run(context(place, "typo-frozen"))
    with pytest.raises(UserError, match="freeze: nothing is left to train"):
        SftSettings(tokens=100, freeze=["."]).run(context(place, "all-frozen"))


def test_a_parents_adapter_cannot_change_its_shape(place, sft):
    with pytest.raises(UserError, match="has another adapter than 'peft' asks for"):
        SftSettings(tokens=100, peft={"r": 8}).run(context(place, "other", finished(place, "sft")))


def test_a_user_reward_from_a_file_shadows_nothing(place, sft):
    (place / "reward.py").write_text(
        "def short(completions, **_):\n    return [-len(c) / 10 for c in completions]\n"
    )
    settings = GrpoSettings(
        max_steps=1,
        eval_documents=2,
        rewards=["evidence", {"name": "./reward.py:short", "weight": 0.5}],
        trainer=FEW,
    )
    figures = settings.run(context(place, "own-reward", finished(place, "sft")))
    assert figures["steps"] == 1
    assert figures["reward"][0] < 0
    missing = GrpoSettings(max_steps=1, rewards=["evidense"], trainer=FEW)
    with pytest.raises(UserError, match="did you mean 'evidence'"):
        missing.run(context(place, "typo", finished(place, "sft")))


def test_predictions_of_windows_come_back_to_their_documents(place, sft):
    long = Document(id="long", text="Has HTN. " * 20, annotations=[])
    write_jsonl(place / "long.jsonl", [long, note("short", "flu", "J11")])
    stage = context(
        place,
        "predict",
        finished(place, "sft"),
        window=WindowSettings(tokens=40),
        data=DataFiles(test=place / "long.jsonl"),
    )
    SftSettings(tokens=200, peft={"r": 4}, trainer=QUICK).run(context(place, "windowed", window=stage.window))
    stage = context(place, "predict", finished(place, "windowed"), data=stage.data)
    figures = PredictSettings(max_new_tokens=8).run(stage)
    assert figures["documents"] == 2
    assert figures["windows"] > 3
    predictions = read_predictions(place / "predict" / "predictions.jsonl")
    assert [p.id for p in predictions] == ["long", "short"]
    assert figures["malformed"] == sum(p.malformed for p in predictions)
    more = PredictSettings(max_new_tokens=8, overlap=16, votes=2).run(stage)
    assert more["windows"] > figures["windows"] and more["documents"] == 2


def test_a_stopped_training_resumes_from_its_checkpoint(place, monkeypatch):
    said = []
    stage = context(place, "stopped", reporter=Heard(said))
    settings = SftSettings(tokens=600, peft={"r": 4}, trainer={**QUICK, "save_steps": 1})

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("scl_rl.stages.shared.trainer.save_trained", killed)
        with pytest.raises(KeyboardInterrupt):
            settings.run(stage)
    assert not (stage.folder / "model").exists()
    figures = settings.run(stage)
    assert f"stopped: resuming from checkpoint-{figures['steps']}" in said
    assert (stage.folder / "model" / "adapter_model.safetensors").exists()


def test_the_loss_on_a_cpu_is_trls_own(place):
    """Scoring only the labelled positions changes the time it takes, not the loss or its gradients."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from scl_rl.modeling.load import load_base
    from scl_rl.upstream.trainers import AnswerLossTrainer

    rows = [{"input_ids": [5, 6, 7, 8], "completion_mask": [0, 0, 1, 1]}] * 2
    rows += [{"input_ids": [9, 8, 7, 6, 5, 4], "completion_mask": [0, 1, 1, 1, 1, 1]}]
    found = []
    for kind in (SFTTrainer, AnswerLossTrainer):
        trainer = kind(
            model=load_base("tiny", place, "float32").model,
            args=SFTConfig(
                output_dir=str(place / "loss"), use_cpu=True, bf16=False, report_to="none", max_length=None
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=load_base("tiny", place, "float32").tokenizer,
        )
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(3)])
        loss = trainer.compute_loss(trainer.model.train(), batch)
        loss.backward()
        found.append((loss.item(), trainer.model.get_input_embeddings().weight.grad))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)


def test_a_reward_is_not_given_arguments_that_it_does_not_take(place, sft):
    settings = GrpoSettings(max_steps=1, rewards=[{"name": "evidence", "args": {"bata": 2}}], trainer=FEW)
    with pytest.raises(UserError, match=r"reward 'evidence': takes no argument 'bata'.*did you mean 'beta'"):
        settings.run(context(place, "args", finished(place, "sft")))


def test_sft_can_be_watched_on_dev_documents(place):
    settings = SftSettings(tokens=300, eval_steps=2, eval_documents=2, max_new_tokens=8, trainer=QUICK)
    figures = settings.run(context(place, "watched"))
    assert list(figures["dev_joint_f1"]) == ["0", "2", str(figures["steps"])]
    plain = SftSettings(tokens=300, trainer=QUICK).run(context(place, "unwatched"))
    assert "dev_joint_f1" not in plain and plain["loss"] == figures["loss"]
    one, other = (place / name / "model" / "model.safetensors" for name in ("watched", "unwatched"))
    assert one.read_bytes() == other.read_bytes()
