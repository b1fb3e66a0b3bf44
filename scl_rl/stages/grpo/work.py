"""The work of a GRPO stage: train against the rewards, keep what is best on dev documents."""

from __future__ import annotations

import math
from typing import Any

from datasets import Dataset
from trl import GRPOConfig

from ...modeling.finite import watch_generation
from ...upstream.shared_prompt import GroupedGRPOTrainer
from ...upstream.trainers import WatchedGRPOTrainer, answer_positions_alone
from ..contract import StageContext
from ..shared.checkpoints import train
from ..shared.dev_eval import DevEval
from ..shared.prompting import Prompting
from ..shared.shared_prompt import share_prompts
from ..shared.trainer import quiet_libraries, start_model, trainer_fields, without_printing
from .data import prompt_rows
from .rewards import StageRewards
from .rollout import Rollout
from .settings import GrpoSettings
from .step_log import MetricsLog


def train_grpo(settings: GrpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a GRPO stage; see :class:`GrpoSettings`."""
    rewards = StageRewards(settings, context)
    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    config = GRPOConfig(**trainer_fields(settings, context))
    log = MetricsLog(context, settings.max_steps, config.max_completion_length)
    checks = DevEval(settings.eval_schedule(), settings.max_steps, context, loaded, prompting, log.checked)
    shared = settings.shared_prompt != "off"
    kind = GroupedGRPOTrainer if shared else WatchedGRPOTrainer
    trainer = without_printing(
        kind(
            model=loaded.model,
            args=config,
            reward_funcs=rewards.watched(config.num_generations),
            train_dataset=Dataset.from_list(prompt_rows(settings, context, prompting)),
            processing_class=loaded.tokenizer,
            callbacks=[log, checks],
            rollout_func=Rollout(config) if shared and Rollout.can_replace(config) else None,
        )
    )
    loaded.model = trainer.model
    watch_generation(trainer.model)
    log.times.watch(trainer)
    share_prompts(trainer, settings.shared_prompt, context)
    with answer_positions_alone():
        train(trainer, context, _steps_between(config))
    return {
        "tokens": int(trainer.state.num_input_tokens_seen),
        "steps": trainer.state.global_step,
        "kept_step": checks.best_step,
        "dev_joint_f1": checks.scores,
        "verifiers": rewards.accuracies(),
        **log.figures(),
    }


def _steps_between(config: Any) -> int:
    """The optimizer's steps from one generation that begins with one of them to the next such.

    Between them, what was generated is in memory only: training can't resume from a checkpoint there.
    """
    batches: int = config.steps_per_generation * config.num_iterations
    a_step: int = config.gradient_accumulation_steps
    return math.lcm(batches, a_step) // a_step
