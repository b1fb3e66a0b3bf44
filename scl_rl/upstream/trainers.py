"""TRL's trainers with the overrides that they have no argument for. Holds for trl 1.16, transformers 5.23."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import Trainer
from trl import DPOTrainer, GRPOTrainer, SFTTrainer
from trl.trainer import utils


class WatchedTrainer(Trainer):  # type: ignore[misc]
    """A base for trainers whose every optimizer step can be looked at before it is taken.

    Relies on Trainer calling ``_get_grad_norm`` once an optimizer step, after clipping and before
    ``on_pre_optimizer_step``, and using what that returns as the norm that it logs.

    Attributes:
        step_loss: the losses of this optimizer step so far, added up, on the device.
        grad_norm: the norm of the step's gradients before they were clipped.
    """

    step_loss: Any = 0.0
    grad_norm: Any = 0.0

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """A batch's loss, which counts for its optimizer step."""
        loss = super().training_step(*args, **kwargs)
        self.step_loss = self.step_loss + loss
        return loss

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> Any:
        self.grad_norm = super()._get_grad_norm(*args, **kwargs)
        return self.grad_norm


class WatchedSFTTrainer(WatchedTrainer, SFTTrainer):  # type: ignore[misc]
    """SFT as TRL does it."""


class AnswerLossTrainer(WatchedSFTTrainer):
    """An SFTTrainer with the same loss, computed at the positions that have a label and nowhere else.

    TRL's own forward does so on GPUs; without Triton it scores every position, in float32, which on a CPU
    takes longer than the rest of the step. Only ``loss`` is logged, without TRL's entropy and accuracy.

    Relies on TRL's collator handing over ``input_ids``, ``attention_mask`` and ``labels`` that are not
    shifted, and on every causal model having its transformer as ``base_model``.
    """

    @staticmethod
    def can_replace(config: Any) -> bool:
        """Whether TRL's loss with this SFTConfig is the plain mean cross-entropy, on one CPU."""
        plain = config.loss_type == "nll" and not config.label_smoothing_factor and not config.padding_free
        return bool(config.use_cpu and plain)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean cross-entropy of the labelled tokens."""
        if self.aux_loss_enabled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        with self.accelerator.autocast():
            hidden = whole.base_model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
            ).last_hidden_state
            following = inputs["labels"][:, 1:]
            labelled = following != -100
            logits = whole.get_output_embeddings()(hidden[:, :-1][labelled])
        total = torch.nn.functional.cross_entropy(logits.float(), following[labelled], reduction="sum")
        loss = total / (labelled.sum() if num_items_in_batch is None else num_items_in_batch)
        return (loss, None) if return_outputs else loss


class EncodedDPOTrainer(WatchedTrainer, DPOTrainer):  # type: ignore[misc]
    """A DPOTrainer that takes token ids: ``prompt_ids``, ``chosen_ids``, ``rejected_ids``.

    Relies on the dataset being encoded in ``_prepare_dataset`` and nowhere else, and on the collator reading
    those three columns.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset


class WatchedGRPOTrainer(WatchedTrainer, GRPOTrainer):  # type: ignore[misc]
    """GRPO as TRL does it."""


@contextmanager
def answer_positions_alone() -> Iterator[None]:
    """Let TRL's fused head leave out, on a CPU, the positions that have no label.

    It does so on GPUs. Elsewhere it scores every position, so that shapes stay the same for compilers, and
    masks the rest afterwards: the same figures, in float32, for prompts several times as long as answers.

    Relies on ``trl.trainer.utils`` asking its global ``_use_triton(device)`` for this and nothing else.
    """
    before = utils._use_triton
    utils._use_triton = lambda device: True
    try:
        yield
    finally:
        utils._use_triton = before
