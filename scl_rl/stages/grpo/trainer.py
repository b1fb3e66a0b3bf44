"""TRL's GRPOTrainer as a stage sets it up: each prompt read once, our generator, every step watched."""

from __future__ import annotations

from functools import partial
from typing import Any

from datasets import Dataset
from trl import GRPOConfig

from ...errors import UserError
from ...modeling.finite import watch_generation
from ...modeling.load import Loaded
from ...upstream.shared_prompt import GroupedGRPOTrainer
from ...upstream.trainers import WatchedGRPOTrainer
from ..contract import StageContext
from ..shared.prompting import Prompting
from ..shared.shared_prompt import share_prompts
from ..shared.trainer import without_printing
from .data import prompt_rows
from .dynamic_sampling import DynamicSampling
from .rewards import StageRewards
from .rollout import Rollout
from .settings import GrpoSettings
from .step_log import MetricsLog


def make_trainer(
    settings: GrpoSettings,
    context: StageContext,
    loaded: Loaded,
    prompting: Prompting,
    config: GRPOConfig,
    rewards: StageRewards,
    log: MetricsLog,
) -> Any:
    """The trainer, ready to train; ``loaded.model`` becomes the model as it wraps it.

    Raises:
        UserError: ``shared_prompt`` or ``dynamic_sampling`` is on, and something stands against it.
    """
    shared = settings.shared_prompt != "off"
    ours = (shared or settings.dynamic_sampling) and Rollout.can_replace(config)
    rollout = Rollout(config) if ours else None
    trainer = without_printing(
        (GroupedGRPOTrainer if shared else WatchedGRPOTrainer)(
            model=loaded.model,
            args=config,
            reward_funcs=rewards.watched(config.num_generations),
            train_dataset=Dataset.from_list(prompt_rows(settings, context, prompting)),
            processing_class=loaded.tokenizer,
            callbacks=[log],
            rollout_func=rollout,
        )
    )
    if settings.dynamic_sampling:
        if rollout is None:
            what = "dynamic_sampling needs answers that scl-rl samples itself"
            raise UserError(f"stage '{context.name}': {what}; {Rollout.ELSEWHERE}")
        choose = DynamicSampling(rollout, rewards.weighted(), settings.dynamic_sampling, context.seed)
        trainer.choose_rows = partial(choose, trainer=trainer)
    loaded.model = trainer.model
    watch_generation(trainer.model)
    log.times.watch(trainer)
    share_prompts(trainer, settings.shared_prompt, context)
    return trainer
