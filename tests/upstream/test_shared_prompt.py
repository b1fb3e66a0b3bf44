"""What ``scl_rl/upstream/shared_prompt.py`` and ``timing.py`` take TRL and transformers to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from datasets import Dataset
from transformers import AutoTokenizer
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_layers import GradientCheckpointingLayer
from trl import GRPOConfig
from trl.trainer import grpo_trainer
from trl.trainer.utils import add_fused_lm_head

from scl_rl.modeling.load import load_base
from scl_rl.upstream.shared_prompt import GroupedGRPOTrainer, cached_checkpointing
from scl_rl.upstream.timing import watch_parts
from tests.support.tiny import make_family, make_tiny_model
from tests.upstream.changed import changed

MODULE = "shared_prompt"
PROMPTS = ["N:Has HTN.\nC:", "N:Flu.\nC:", "N:No.\nC:"]


def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
    """An answer to each prompt, all of them different."""
    ids = [trainer.processing_class(prompt)["input_ids"] for prompt in prompts]
    return {"prompt_ids": ids, "completion_ids": [[7 + n, 0] for n in range(len(ids))], "logprobs": None}


def trainer_of(folder: Path, **fields: Any) -> Any:
    make_tiny_model(folder / "tiny")
    config = GRPOConfig(
        output_dir=str(folder),
        use_cpu=True,
        bf16=False,
        report_to="none",
        disable_tqdm=True,
        max_steps=1,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=3,
        num_generations=4,
        **fields,
    )
    return GroupedGRPOTrainer(
        model=load_base(str(folder / "tiny"), folder, "float32").model,
        args=config,
        reward_funcs=lambda completions, **_: [float(n % 3) for n in range(len(completions))],
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in PROMPTS]),
        processing_class=AutoTokenizer.from_pretrained(folder / "tiny"),
        rollout_func=rollout,
    )


def test_micro_batches_are_cut_between_groups(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path)
    seen: list[list[list[int]]] = []
    loss = trainer.compute_loss
    trainer.compute_loss = lambda model, inputs, **k: (
        seen.append(inputs["prompt_ids"].tolist()),
        loss(model, inputs),
    )[1]
    trainer.train()
    what = "shuffles the rows of a generation with grpo_trainer.shuffle_sequence_dict in _prepare_inputs"
    assert hasattr(grpo_trainer, "shuffle_sequence_dict"), changed("trl", what, MODULE)
    assert [len({tuple(row) for row in batch}) for batch in seen] == [1, 1, 1], changed("trl", what, MODULE)


def test_models_score_labels_after_a_cache() -> None:
    """The one door through which TRL asks for log-probabilities, and what it takes there."""
    model = make_family("llama")
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    ids = torch.randint(1, 60, (2, 9))
    labels = ids.clone()
    labels[:, :5] = -100
    whole = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, fused_lm_head=True)
    cache = Cache(layers=[DynamicLayer() for _ in range(2)])
    model.base_model(input_ids=ids[:, :4], past_key_values=cache, use_cache=False)
    what = "fills a cache that a model is given with use_cache=False"
    assert cache.get_seq_length() == 4, changed("transformers", what, MODULE)
    shift = torch.cat([labels[:, 5:], torch.full((2, 1), -100)], 1)
    rest = model(
        input_ids=ids[:, 4:],
        attention_mask=torch.ones_like(ids),
        position_ids=torch.arange(4, 9)[None].expand(2, -1),
        past_key_values=cache,
        shift_labels=shift,
        fused_lm_head=True,
    )
    what = "scores shift_labels, after past_key_values, in a model called with fused_lm_head=True"
    for name in ("log_probs", "entropy"):
        assert whole[name].shape == (2, 8) and rest[name].shape == (2, 5), changed("trl", what, MODULE)
        same = torch.allclose(whole[name][:, 4:], rest[name][:, :4], atol=1e-5)
        assert same and not rest[name][:, 4].any(), changed("trl", what, MODULE)


def test_layers_that_run_twice_keep_a_cache_that_is_allowed() -> None:
    model = make_family("llama").train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    what = "gives a checkpointed layer its cache where _can_checkpoint_with_cache is set"
    assert hasattr(GradientCheckpointingLayer, "_can_checkpoint_with_cache"), changed(
        "transformers", what, MODULE
    )

    def reached() -> bool:
        cache = Cache(layers=[DynamicLayer() for _ in range(2)])
        model.base_model(input_ids=torch.ones(1, 3, dtype=torch.long), past_key_values=cache, use_cache=False)
        return bool(cache.get_seq_length())

    with cached_checkpointing(model):
        assert reached(), changed("transformers", what, MODULE)
    assert not reached(), changed("transformers", "takes a checkpointed layer's cache away", MODULE)


def test_a_step_says_when_its_parts_begin_and_end(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, beta=0.1)
    open_: list[str] = []
    seen: set[tuple[str, ...]] = set()

    def start(part: str) -> None:
        open_.append(part)
        seen.add(tuple(open_))

    watch_parts(trainer, start, lambda: open_.pop())
    trainer.train()
    assert open_ == []
    what = "samples in GRPOTrainer._generate, rewards in _calculate_rewards, within training_step"
    assert {("policy",), ("policy", "generation"), ("policy", "rewards")} <= seen, changed(
        "trl", what, "timing"
    )
    what = "asks the reference for log-probabilities with fused_lm_head=True, without gradients"
    assert seen - {("policy",), ("policy", "generation"), ("policy", "rewards")} == {
        ("policy", "reference")
    }, changed("trl", what, "timing")
