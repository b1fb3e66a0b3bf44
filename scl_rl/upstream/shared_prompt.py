"""What reading each prompt once asks of TRL and transformers. Holds for trl 1.16, transformers 5.23."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer
from trl.trainer import grpo_trainer

from .trainers import WatchedGRPOTrainer


class GroupedGRPOTrainer(WatchedGRPOTrainer):
    """A GRPOTrainer that keeps the answers to one prompt together when it cuts micro-batches.

    The prompts come in random order, and so do the answers to each.

    Relies on ``_prepare_inputs`` shuffling a generation's rows, which have ``prompt_ids``, with the global
    ``shuffle_sequence_dict`` of its module, and on nothing else being shuffled there.
    """

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = grpo_trainer.shuffle_sequence_dict
        grpo_trainer.shuffle_sequence_dict = shuffle_groups
        try:
            return super()._prepare_inputs(generation_batch)
        finally:
            grpo_trainer.shuffle_sequence_dict = before


def shuffle_groups(rows: Mapping[str, Any]) -> dict[str, Any]:
    """The rows shuffled as TRL would, then each moved up to the first with its prompt."""
    prompts = [ids.numpy().tobytes() for ids in rows["prompt_ids"].cpu()]
    drawn = torch.randperm(len(prompts)).tolist()
    first = {prompts[row]: place for place, row in reversed(list(enumerate(drawn)))}
    order = sorted(drawn, key=lambda row: first[prompts[row]])

    def ordered(value: Any) -> Any:
        if value is None or (isinstance(value, torch.Tensor) and value.ndim == 0):
            return value
        return value[order] if isinstance(value, torch.Tensor) else [value[row] for row in order]

    return {name: ordered(value) for name, value in rows.items()}


@contextmanager
def cached_checkpointing(model: Any) -> Iterator[None]:
    """Let layers whose activations are not kept take a cache that does not grow.

    transformers takes a cache away from a layer that it runs a second time on the way back, since most
    caches would grow again. Relies on the class attribute ``_can_checkpoint_with_cache`` deciding that.
    """
    layers = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
    before = [layer._can_checkpoint_with_cache for layer in layers]
    for layer in layers:
        layer._can_checkpoint_with_cache = True
    try:
        yield
    finally:
        for layer, can in zip(layers, before, strict=True):
            layer._can_checkpoint_with_cache = can
