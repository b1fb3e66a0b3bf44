"""The work of a GRPO stage: train against the rewards, keep what is best on dev documents."""

from __future__ import annotations

import math
from typing import Any

from ...corpus.jsonl import write_jsonl
from ...rewards_api.call import RewardFunction, reward_name
from ...rewards_api.guard import distinct, guarded
from ...rewards_api.load import load_bound
from ...rewards_api.rows import row_of
from ..contract import StageContext
from ..shared.checkpoints import train
from ..shared.dev_eval import DevChecks
from ..shared.prompting import Prompting, some_windows
from ..shared.rewards import accuracies
from ..shared.trainer import quiet_libraries, start_model, trainer_fields, without_printing
from .monitor import Monitor
from .observer import Observer
from .settings import GrpoSettings
from .step_log import COMPLETIONS, WINDOWS, StepLog, keep_failure, say_nothing_of_rows


def train_grpo(settings: GrpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a GRPO stage; see :class:`GrpoSettings`."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    functions = [load_bound(r.name, r.args, context.answer, context.offered) for r in settings.rewards]
    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    config = GRPOConfig(**trainer_fields(settings, context))
    monitor = Monitor(settings.steps, config.max_completion_length)
    log = StepLog(context, monitor, settings.steps)
    most = config.max_completion_length
    checks = DevChecks(settings, settings.steps, context, loaded, prompting, most, log.checked)
    say_nothing_of_rows()
    trainer = without_printing(
        GRPOTrainer(
            model=loaded.model,
            args=config,
            reward_funcs=_watched(functions, settings, context, config.num_generations),
            train_dataset=Dataset.from_list(_rows(settings, context, prompting)),
            processing_class=loaded.tokenizer,
            callbacks=[log.callback(), checks.callback()],
        )
    )
    loaded.model = trainer.model
    train(trainer, context, _steps_between(config))
    return {
        "tokens": int(trainer.state.num_input_tokens_seen),
        "steps": trainer.state.global_step,
        "kept_step": checks.best_step,
        "dev_joint_f1": checks.scores,
        "verifiers": accuracies(settings.rewards, context),
        **log.figures(),
    }


def _steps_between(config: Any) -> int:
    """The optimizer's steps from one generation that begins with one of them to the next such.

    Between them, what was generated is in memory only: training can't go on from a checkpoint there.
    """
    batches: int = config.steps_per_generation * config.num_iterations
    a_step: int = config.gradient_accumulation_steps
    return math.lcm(batches, a_step) // a_step


def _watched(
    functions: list[RewardFunction], settings: GrpoSettings, context: StageContext, group: int
) -> list[RewardFunction]:
    """The rewards as they are trained with: each under its own name, checked, and seen by the observer."""
    names = distinct([reward_name(function) for function in functions])
    weights = {name: reward.weight for name, reward in zip(names, settings.rewards, strict=True)}
    keep = context.folder / COMPLETIONS if settings.save_completions else None
    observer = Observer(weights, group, context.answer, keep)
    failed = keep_failure(context)
    return [guarded(f, name, failed, observer) for f, name in zip(functions, names, strict=True)]


def _rows(settings: GrpoSettings, context: StageContext, prompting: Prompting) -> list[dict[str, Any]]:
    windows = some_windows(settings.documents, settings.code_only, context, prompting)
    if settings.save_completions:
        write_jsonl(context.folder / WINDOWS, windows)
    return [dict(row_of(window, prompting.prompt(window.text))) for window in windows]
