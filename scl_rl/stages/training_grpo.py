"""The work of a GRPO stage: train against the rewards, keep what is best on dev documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..corpus.jsonl import read_documents, write_jsonl
from ..corpus.types import Document
from ..metrics.report import evaluate_predictions
from ..modeling.load import Loaded, save_trained
from ..plugins.call import RewardFunction, reward_name
from ..plugins.guard import distinct, guarded
from ..plugins.load import bind, load_reward
from ..plugins.rows import row_of
from .base import StageContext
from .grpo import GrpoSettings
from .monitor import Monitor
from .observe import Observer
from .prompting import Prompting, annotated_windows, predict_documents
from .step_log import COMPLETIONS, WINDOWS, StepLog, keep_failure, say_nothing_of_rows
from .trainers import (
    drop_checkpoints,
    last_checkpoint,
    model_card,
    quiet_libraries,
    start_model,
    trainer_defaults,
    without_printing,
)


def train_grpo(settings: GrpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a GRPO stage; see :class:`GrpoSettings`."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    functions = [
        bind(load_reward(reward.name, context.base), {"answer": context.answer, **reward.args})
        for reward in settings.rewards
    ]
    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    config = GRPOConfig(
        **{
            **trainer_defaults(context),
            "learning_rate": 2e-5,
            "lr_scheduler_type": "constant",
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 4,
            "num_generations": 8,
            "max_completion_length": 256,
            "beta": 0.04,
            "logging_steps": 1,
            **settings.trainer,
            "reward_weights": [reward.weight for reward in settings.rewards],
            "max_steps": settings.steps,
        }
    )
    monitor = Monitor(settings.steps, config.max_completion_length)
    log = StepLog(context, monitor, settings.steps)
    checks = DevChecks(settings, context, loaded, prompting, config.max_completion_length, log.checked)
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
    trainer.train(resume_from_checkpoint=last_checkpoint(context))
    drop_checkpoints(context)
    return {
        "tokens": int(trainer.state.num_input_tokens_seen),
        "steps": trainer.state.global_step,
        "kept_step": checks.best_step,
        "dev_joint_f1": checks.scores,
        **log.figures(),
    }


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
    windows = annotated_windows(read_documents(context.needed("annotated")), prompting)
    if settings.save_completions:
        write_jsonl(context.folder / WINDOWS, windows)
    return [dict(row_of(window, prompting.prompt(window.text))) for window in windows]


class DevChecks:
    """Joint F1 on dev documents, before the first step and every few steps; the best model is kept.

    The training reward can rise while the model gets worse, so it decides nothing here.
    """

    def __init__(
        self,
        settings: GrpoSettings,
        context: StageContext,
        loaded: Loaded,
        prompting: Prompting,
        max_new_tokens: int,
        checked: Callable[[int, float], None],
    ) -> None:
        self._every = settings.check_every
        self._last = settings.steps
        self._least_gain = settings.least_gain
        self._context = context
        self._loaded = loaded
        self._prompting = prompting
        self._max_new_tokens = max_new_tokens
        self._checked = checked
        self._documents: list[Document] = read_documents(context.needed("dev"))[: settings.dev_documents]
        self._file = context.folder / "dev_checks.json"
        self.scores: dict[str, float] = json.loads(self._file.read_text()) if self._file.exists() else {}

    @property
    def best_step(self) -> int:
        """The step of the best check, the earliest of equals; 0, the parent, if none gains enough on it."""
        least = self.scores["0"] + self._least_gain
        good = {int(step): score for step, score in self.scores.items() if score >= least}
        return max(good, key=lambda step: (good[step], -step), default=0)

    def check(self, step: int) -> None:
        """Score the model as it is now, unless that was done, and keep it if it is the best so far."""
        if str(step) not in self.scores:
            self._score(step)
        self._checked(step, self.scores[str(step)])

    def _score(self, step: int) -> None:
        predictions, _ = predict_documents(
            self._loaded, self._documents, self._prompting, self._max_new_tokens, batch_size=16
        )
        figures = evaluate_predictions(self._documents, predictions)
        self.scores[str(step)] = score = figures["joint"]["micro"]["f1"]
        if self.best_step == step:
            save_trained(self._loaded, self._context.folder / "model", model_card(self._context))
        self._file.write_text(json.dumps(self.scores) + "\n", encoding="utf-8")
        self._context.say(
            f"{self._context.name}: step {step}, dev joint F1 {score:.3f} on {len(self._documents)} documents"
        )

    def callback(self) -> Any:
        """The checks as a TrainerCallback."""
        from transformers import TrainerCallback

        checks = self

        class _Checks(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step == 0:
                    checks.check(0)

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step % checks._every == 0 or state.global_step == checks._last:
                    checks.check(state.global_step)

        return _Checks()
