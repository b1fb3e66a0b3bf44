"""TRL's trainers with the overrides that they have no argument for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import Trainer
from trl import DPOTrainer, GRPOTrainer, SFTTrainer
from trl.trainer import utils

CHECKPOINT = re.compile(r"checkpoint-(\d+)")
"""The name of a checkpoint's folder, with its step. Holds for transformers 5.23."""

# Fields of a model's config by which it changes its scores after the language-model head.
_SCALES = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
)


class WatchedTrainer(Trainer):  # type: ignore[misc]
    """A base for trainers whose every optimizer step can be looked at before it is taken.

    Relies on Trainer calling ``_get_grad_norm`` once an optimizer step, after clipping and before
    ``on_pre_optimizer_step``, and on its being what is logged as ``grad_norm``.
    Holds for transformers 5.23.

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
    """SFT as TRL does it. Holds for trl 1.16."""


class AnswerLossTrainer(WatchedSFTTrainer):
    """An SFTTrainer with the same loss, computed at the positions that have a label and nowhere else.

    TRL's own forward does so on GPUs; without Triton it scores every position, in float32, which on a CPU
    takes longer than the rest of the step. Only ``loss`` is logged, without TRL's entropy and accuracy.

    Relies on TRL's collator handing over ``input_ids``, ``attention_mask`` and ``labels`` that are not
    shifted, and on a causal model being its ``base_model`` followed by its output embeddings.
    Holds for trl 1.16, transformers 5.23.
    """

    @staticmethod
    def can_replace(config: Any, model: Any) -> bool:
        """Whether TRL's loss with this SFTConfig is the plain cross-entropy of this model, on a CPU."""
        plain = config.loss_type == "nll" and not config.label_smoothing_factor and not config.padding_free
        shape = model.config.get_text_config()
        scaled = any(getattr(shape, name, None) not in (None, 1, 1.0) for name in _SCALES)
        experts = getattr(shape, "output_router_logits", None) is not None  # whose balance is a loss, too
        return bool(config.use_cpu and plain and not scaled and not experts)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean cross-entropy of the labelled tokens."""
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


@contextmanager
def answer_positions_alone() -> Iterator[None]:
    """Let TRL's fused head leave out, on a CPU, the positions that have no label.

    It does so on GPUs. Elsewhere it scores every position, so that shapes stay the same for compilers, and
    masks the rest afterwards: the same figures, in float32, for prompts several times as long as answers.

    Relies on ``trl.trainer.utils`` asking its global ``_use_triton(device)`` for this and nothing else.
    Holds for trl 1.16.
    """
    before = utils._use_triton
    utils._use_triton = lambda device: True
    try:
        yield
    finally:
        utils._use_triton = before


class AnswersAloneTrainer(WatchedTrainer):
    """A base for trainers with TRL's fused head, which trains with :func:`answer_positions_alone`.

    Holds for trl 1.16.
    """

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train as TRL does."""
        with answer_positions_alone():
            return super().train(*args, **kwargs)


class EncodedDPOTrainer(AnswersAloneTrainer, DPOTrainer):  # type: ignore[misc]
    """A DPOTrainer that takes token ids: ``prompt_ids``, ``chosen_ids``, ``rejected_ids``.

    Relies on the dataset being encoded in ``_prepare_dataset`` and nowhere else, and on the collator reading
    those three columns. Holds for trl 1.16.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset


class WatchedGRPOTrainer(AnswersAloneTrainer, GRPOTrainer):  # type: ignore[misc]
    """GRPO as TRL does it, of rows that can be exchanged before their answers are trained on.

    Relies on ``_generate_and_score_completions`` taking the rows of a generation batch, one for each answer,
    and asking them for everything it uses, and on ``_log_metric`` being what rewards get as ``log_metric``.
    Holds for trl 1.16.

    Attributes:
        choose_rows: if there is one, it takes the rows of a batch and gives those to train on.
    """

    choose_rows: Callable[[list[Any]], list[Any]] | None = None

    def log_metric(self, name: str, value: float) -> None:
        """Log a figure with those of the batch."""
        self._log_metric(name, value)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        if self.choose_rows is not None and self.model.training:
            inputs = self.choose_rows(inputs)
        return super()._generate_and_score_completions(inputs)


def take_over_checkpoints(trainer: Any, multiple_of: int = 1) -> int:
    """Have a trainer remove no checkpoint, and make them only at multiples of a number of steps.

    Relies on a trainer asking ``args.save_total_limit`` and ``args.save_steps`` when training begins, not
    when it is made. Holds for transformers 5.23.

    Args:
        multiple_of: where it is not 1, ``max_steps`` must be set.

    Returns:
        How many checkpoints it was to keep.
    """
    kept = int(trainer.args.save_total_limit or 1)
    trainer.args.save_total_limit = None
    if multiple_of > 1:
        every = trainer.args.save_steps
        steps = every if every >= 1 else every * trainer.args.max_steps
        trainer.args.save_steps = max(1, math.ceil(steps / multiple_of)) * multiple_of
    return kept


def gathered_weights(trainer: Any) -> Any:
    """All weights of a model that several processes train; each must ask.

    Relies on ``model_wrapped`` being the model as accelerate prepared it. Holds for transformers 5.23.
    """
    return trainer.accelerator.get_state_dict(trainer.model_wrapped)
