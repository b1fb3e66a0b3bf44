"""What ``scl_rl/upstream/trainers.py`` takes TRL's and transformers' trainers to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, GRPOConfig, SFTConfig, SFTTrainer
from trl.trainer import utils

from scl_rl.modeling.load import load_base
from scl_rl.upstream.logs import DPO_FIGURES, GRPO_FIGURES, TOKENS, reward_means
from scl_rl.upstream.models import TRAINED_ADAPTER
from scl_rl.upstream.trainers import (
    CHECKPOINT,
    AnswerLossTrainer,
    EncodedDPOTrainer,
    WatchedGRPOTrainer,
    WatchedSFTTrainer,
    answer_positions_alone,
    gathered_weights,
    take_over_checkpoints,
)
from tests.support.tiny import make_family, make_tiny_model
from tests.upstream.changed import changed

MODULE = "trainers"
PLAIN = {"use_cpu": True, "bf16": False, "report_to": "none", "disable_tqdm": True, "logging_steps": 1}
ROWS = [{"input_ids": [5, 6, 7, 8], "completion_mask": [0, 0, 1, 1]}] * 2
ROWS += [{"input_ids": [9, 8, 7, 6, 5, 4], "completion_mask": [0, 1, 1, 1, 1, 1]}] * 2
PAIRS = [{"prompt_ids": [5, 6, 7, 8, 9, 10], "chosen_ids": [11, 0], "rejected_ids": [12, 13, 0]}] * 4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("upstream") / "tiny")


def model_of(tiny: Path, adapter: bool = False) -> Any:
    model = load_base(str(tiny), tiny, "float32").model
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, config) if adapter else model


def sft(kind: type, tiny: Path, folder: Path, model: Any = None, **fields: Any) -> Any:
    return kind(
        model=model or model_of(tiny),
        args=SFTConfig(output_dir=str(folder), max_length=None, **PLAIN, **fields),
        train_dataset=Dataset.from_list(ROWS),
        processing_class=AutoTokenizer.from_pretrained(tiny),
    )


def dpo(tiny: Path, folder: Path, **fields: Any) -> Any:
    return EncodedDPOTrainer(
        model=model_of(tiny, adapter=True),
        args=DPOConfig(output_dir=str(folder), max_length=None, **PLAIN, **fields),
        train_dataset=Dataset.from_list(PAIRS),
        processing_class=AutoTokenizer.from_pretrained(tiny),
    )


class Recorder(TrainerCallback):
    """What a trainer says at each step."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.norms: list[float] = []
        self.logs: list[dict[str, float]] = []

    def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        self.norms.append(float(self.trainer.grad_norm))
        self.losses = float(self.trainer.step_loss)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self.logs.append(logs)


def recorded(trainer: Any) -> Recorder:
    recorder = Recorder(trainer)
    trainer.add_callback(recorder)
    trainer.train()
    return recorder


def test_a_step_can_be_looked_at_before_it_is_taken(tiny: Path, tmp_path: Path) -> None:
    fields = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 3}
    found = recorded(sft(WatchedSFTTrainer, tiny, tmp_path, **fields))
    logged = [logs["grad_norm"] for logs in found.logs if "grad_norm" in logs]
    what = "calls Trainer._get_grad_norm once a step, before on_pre_optimizer_step, for the norm that it logs"
    assert len(found.norms) == 3 and found.norms == pytest.approx(logged), changed(
        "transformers", what, MODULE
    )
    # nobody sets the sum back here: it is that of all steps
    losses = [logs["loss"] for logs in found.logs if "loss" in logs]
    what = "gives from Trainer.training_step the losses that add up to what it logs"
    assert found.losses == pytest.approx(sum(losses), rel=1e-4), changed("transformers", what, MODULE)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2"])
def test_the_loss_on_answers_is_trls_own(family: str, tiny: Path, tmp_path: Path) -> None:
    """Scoring only the labelled positions changes the time it takes, not the loss or its gradients."""
    found: list[tuple[float, torch.Tensor]] = []
    plain = AnswerLossTrainer.can_replace(SFTConfig(output_dir=str(tmp_path), **PLAIN), make_family(family))
    assert plain is (family != "gemma2")  # whose scores are bent after the head
    for kind in (SFTTrainer, AnswerLossTrainer):
        trainer = sft(kind, tiny, tmp_path, make_family(family))
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(4)])
        loss = trainer.compute_loss(trainer.model.train(), batch)
        loss.backward()
        found.append((loss.item(), trainer.model.get_input_embeddings().weight.grad))
    same = found[0][0] == pytest.approx(found[1][0], rel=1e-5) and torch.allclose(
        found[0][1], found[1][1], rtol=1e-3, atol=1e-5
    )
    assert same is plain, changed("trl", f"has the loss that AnswerLossTrainer computes for {family}", MODULE)


@pytest.mark.parametrize(
    "fields",
    [{"loss_type": "dft"}, {"label_smoothing_factor": 0.1}, {"padding_free": True}, {"use_cpu": False}],
)
def test_another_loss_is_left_to_trl(fields: dict[str, Any], tmp_path: Path) -> None:
    config = SFTConfig(output_dir=str(tmp_path), **{**PLAIN, **fields})
    assert not AnswerLossTrainer.can_replace(config, make_family("llama"))


def test_pairs_are_taken_as_token_ids(tiny: Path, tmp_path: Path) -> None:
    trainer = dpo(tiny, tmp_path)
    what = "encodes the dataset of DPOTrainer in _prepare_dataset"
    assert "_prepare_dataset" in vars(DPOTrainer), changed("trl", what, MODULE)
    assert trainer.train_dataset[0] == PAIRS[0], changed("trl", what, MODULE)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    what = "collates prompt_ids, chosen_ids and rejected_ids into the rows of a batch"
    rows = [[*PAIRS[0]["prompt_ids"], *PAIRS[0][name]] for name in ("chosen_ids", "rejected_ids")]
    for row, expected in zip(batch["input_ids"].tolist(), rows, strict=True):
        assert row[: len(expected)] == expected, changed("trl", what, MODULE)


def test_positions_without_a_label_can_be_left_out_on_a_cpu(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = "asks trl.trainer.utils._use_triton whether to score only positions that have a label"
    assert hasattr(utils, "_use_triton"), changed("trl", what, MODULE)
    scored: list[int] = []
    before = utils._use_triton
    trainer = dpo(tiny, tmp_path, precompute_ref_log_probs=False)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    apply = utils._ChunkedLogProbFunction.apply
    monkeypatch.setattr(
        utils._ChunkedLogProbFunction,
        "apply",
        lambda hidden, *args: (scored.append(len(hidden)), apply(hidden, *args))[1],
    )
    losses = [trainer.compute_loss(trainer.model, dict(batch)).item()]
    every = sum(scored)
    scored.clear()
    with answer_positions_alone():
        losses.append(trainer.compute_loss(trainer.model, dict(batch)).item())
    assert 0 < sum(scored) < 0.7 * every, changed("trl", what, MODULE)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert utils._use_triton is before


def test_checkpoints_are_left_to_us(tiny: Path, tmp_path: Path) -> None:
    fields = {"max_steps": 5, "save_steps": 1, "save_strategy": "steps", "per_device_train_batch_size": 2}
    trainer = sft(WatchedSFTTrainer, tiny, tmp_path, save_total_limit=1, **fields)
    assert take_over_checkpoints(trainer, multiple_of=2) == 1
    trainer.train()
    steps = sorted(int(match[1]) for path in tmp_path.iterdir() if (match := CHECKPOINT.fullmatch(path.name)))
    what = "reads save_total_limit and save_steps when training begins, or names folders checkpoint-N"
    assert {2, 4} <= set(steps) <= {2, 4, 5}, changed("transformers", what, MODULE)
    trainer = sft(WatchedSFTTrainer, tiny, tmp_path, **{**fields, "save_steps": 0.5, "max_steps": 10})
    take_over_checkpoints(trainer, multiple_of=4)
    assert trainer.args.save_steps == 8


def test_all_weights_can_be_gathered(tiny: Path, tmp_path: Path) -> None:
    trainer = sft(WatchedSFTTrainer, tiny, tmp_path)
    what = "has with model_wrapped the model whose weights accelerate gathers"
    assert gathered_weights(trainer).keys() == trainer.model.state_dict().keys(), changed(
        "transformers", what, MODULE
    )


def test_dpo_logs_what_we_write_down(tiny: Path, tmp_path: Path) -> None:
    trainer = dpo(tiny, tmp_path, max_steps=1)
    logs = recorded(trainer).logs[0]
    for name in (*DPO_FIGURES, TOKENS):
        assert name in logs, changed("trl", f"logs '{name}' at a step of DPOTrainer", "logs")


def test_grpo_logs_what_we_write_down_and_has_a_reference_of_its_own(tiny: Path, tmp_path: Path) -> None:
    def length(completions: list[str], **columns: Any) -> list[float]:
        return [float(len(completion)) for completion in completions]

    fields = {"num_generations": 2, "per_device_train_batch_size": 2, "max_completion_length": 4}
    trainer = WatchedGRPOTrainer(
        model=model_of(tiny, adapter=True),
        args=GRPOConfig(output_dir=str(tmp_path), max_steps=1, beta=0.1, **fields, **PLAIN),
        reward_funcs=[length],
        train_dataset=Dataset.from_list([{"prompt": "Has HTN."}] * 4),
        processing_class=AutoTokenizer.from_pretrained(tiny),
    )
    found = recorded(trainer)
    for name in (*GRPO_FIGURES, TOKENS):
        assert name in found.logs[0], changed("trl", f"logs '{name}' at a step of GRPOTrainer", "logs")
    assert reward_means(found.logs[0]).keys() == {"length"}, changed(
        "trl", "logs a reward's mean as 'rewards/<name>/mean'", "logs"
    )
    what = "names the adapter that is trained 'default', and the reference otherwise"
    assert trainer.model.active_adapters == [TRAINED_ADAPTER], changed("peft", what, "models")
    assert set(trainer.model.peft_config) > {TRAINED_ADAPTER}, changed("trl", what, "models")
