"""TRL's GRPOTrainer as a stage sets it up: each prompt read once, our generator, every step watched."""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from trl import GRPOConfig

from ...modeling.finite import watch_generation
from ...modeling.load import Loaded
from ...rewards_api.protocol import RewardFunction
from ...upstream.shared_prompt import GroupedGRPOTrainer
from ...upstream.trainers import WatchedGRPOTrainer
from ..contract import StageContext
from ..shared.prompting import Prompting
from ..shared.shared_prompt import share_prompts
from ..shared.trainer import without_printing
from .data import prompt_rows
from .rollout import Rollout
from .settings import GrpoSettings
from .step_log import MetricsLog


def make_trainer(
    settings: GrpoSettings,
    context: StageContext,
    loaded: Loaded,
    prompting: Prompting,
    config: GRPOConfig,
    rewards: list[RewardFunction],
    log: MetricsLog,
) -> Any:
    """The trainer, ready to train; ``loaded.model`` becomes the model as it wraps it.

    Raises:
        UserError: ``shared_prompt`` is on, and something stands against it.
    """
    shared = settings.shared_prompt != "off"
    trainer = without_printing(
        (GroupedGRPOTrainer if shared else WatchedGRPOTrainer)(
            model=loaded.model,
            args=config,
            reward_funcs=rewards,
            train_dataset=Dataset.from_list(prompt_rows(settings, context, prompting)),
            processing_class=loaded.tokenizer,
            callbacks=[log],
            rollout_func=Rollout(config) if shared and Rollout.can_replace(config) else None,
        )
    )
    loaded.model = trainer.model
    watch_generation(trainer.model)
    log.times.watch(trainer)
    share_prompts(trainer, settings.shared_prompt, context)
    return trainer
