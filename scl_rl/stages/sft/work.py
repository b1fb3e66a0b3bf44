"""The work of an SFT stage: compose the training set to its token budget, train, save."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

from trl import SFTConfig

from ...modeling import ranks
from ...modeling.load import Loaded
from ...upstream.trainers import AnswerLossTrainer, WatchedSFTTrainer
from ..contract import StageContext
from ..shared.checkpoints import train
from ..shared.dev_eval import DevEval
from ..shared.prompting import Prompting
from ..shared.step_log import LossProgress
from ..shared.trainer import quiet_libraries, save_model, start_model, trainer_fields, without_printing
from .examples import example_folder
from .mixture import TrainingSet, compose
from .settings import SftSettings

_ROSE = 1.0  # nats per token that the loss may end above where it began


def train_sft(settings: SftSettings, context: StageContext) -> dict[str, Any]:
    """Run an SFT stage; see :class:`SftSettings`."""
    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    config = SFTConfig(**trainer_fields(settings, context))
    with example_folder(context) as folder:
        examples = compose(settings, context, prompting, folder, config.dataset_num_proc or 1)
        return _train(settings, context, loaded, prompting, config, examples)


def _train(
    settings: SftSettings,
    context: StageContext,
    loaded: Loaded,
    prompting: Prompting,
    config: SFTConfig,
    examples: TrainingSet,
) -> dict[str, Any]:
    """Train on the examples and save the model; the figures of the stage."""
    together = config.per_device_train_batch_size * ranks.num_processes()  # all wait for the longest of these
    number = len(examples.chosen)
    steps = math.ceil(number / (together * config.gradient_accumulation_steps))
    schedule = settings.eval_schedule()
    checks = None if schedule is None else DevEval(schedule, steps, context, loaded, prompting)
    on_answers = AnswerLossTrainer.can_replace(config, loaded.model) and ranks.num_processes() == 1
    trainer = without_printing(
        (AnswerLossTrainer if on_answers else WatchedSFTTrainer)(
            model=loaded.model,
            args=config,
            train_dataset=examples.in_batches(together, random.Random(f"{context.seed}-order")),
            processing_class=loaded.tokenizer,
            callbacks=[
                LossProgress(context, checks.latest if checks else str),
                *([checks] if checks else []),
            ],
        )
    )
    train(trainer, context)
    save_model(trainer, context, cites=settings.mixture.cite > 0)
    by_step = {entry["step"]: entry["loss"] for entry in trainer.state.log_history if "loss" in entry}
    losses = list(by_step.values())
    warnings = list(_warnings(losses))
    for warning in warnings:
        context.say(f"{context.name}: warning: {warning}")
    return {
        "tokens": sum(examples.tokens.values()),
        "tokens_by_source": examples.tokens,
        "examples": number,
        "steps": trainer.state.global_step,
        "loss": losses[-1] if losses else None,
        "loss_by_step": {str(step): loss for step, loss in by_step.items()},
        "warnings": warnings,
        **({"dev_joint_f1": checks.scores} if checks else {}),
    }


def _warnings(losses: Sequence[float]) -> Iterator[str]:
    """What there is to warn of in the losses that were logged, in nats per token."""
    if losses and losses[-1] > losses[0] + _ROSE:
        yield f"the loss rose from {losses[0]:.1f} to {losses[-1]:.1f}; lower learning_rate"
