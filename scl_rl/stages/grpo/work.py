"""The work of a GRPO stage: train against the rewards, keep what is best on dev documents."""

from __future__ import annotations

import math
from typing import Any

from trl import GRPOConfig

from ..contract import StageContext
from ..shared.checkpoints import train
from ..shared.dev_eval import DevEval
from ..shared.prompting import Prompting
from ..shared.trainer import quiet_libraries, start_model, trainer_fields
from .rewards import StageRewards
from .settings import GrpoSettings
from .step_log import MetricsLog
from .trainer import make_trainer


def train_grpo(settings: GrpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a GRPO stage; see :class:`GrpoSettings`."""
    rewards = StageRewards(settings, context)
    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    config = GRPOConfig(**trainer_fields(settings, context))
    log = MetricsLog(context, settings.max_steps, config.max_completion_length)
    trainer = make_trainer(settings, context, loaded, prompting, config, rewards, log)
    checks = DevEval(settings.eval_schedule(), settings.max_steps, context, loaded, prompting, log.checked)
    trainer.add_callback(checks)
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
