"""The work of a GRPO stage: train against the rewards, keep what is best on dev documents."""

from __future__ import annotations

import json
from typing import Any

from ..corpus.jsonl import read_documents
from ..corpus.types import Document
from ..metrics.report import evaluate_predictions
from ..modeling.load import Loaded, save_trained
from ..plugins.load import bind, load_reward
from .base import StageContext
from .grpo import GrpoSettings
from .progress import trainer_progress
from .prompting import Prompting, annotated_windows, predict_documents
from .trainers import (
    drop_checkpoints,
    last_checkpoint,
    model_card,
    quiet_libraries,
    start_model,
    trainer_defaults,
    without_printing,
)

LOGGED = {"reward": "reward", "kl": "KL", "frac_reward_zero_std": "groups without spread"}


def train_grpo(settings: GrpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a GRPO stage; see :class:`GrpoSettings`."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    rewards = [
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
    trainer = without_printing(
        GRPOTrainer(
            model=loaded.model,
            args=config,
            reward_funcs=rewards,
            train_dataset=Dataset.from_list(_rows(context, prompting)),
            processing_class=loaded.tokenizer,
            callbacks=[trainer_progress(context.name, context.say, LOGGED)],
        )
    )
    loaded.model = trainer.model
    checks = DevChecks(settings, context, loaded, prompting, config.max_completion_length)
    trainer.add_callback(checks.callback())
    trainer.train(resume_from_checkpoint=last_checkpoint(context))
    drop_checkpoints(context)
    history = [entry for entry in trainer.state.log_history if "reward" in entry]
    return {
        "tokens": int(trainer.state.num_input_tokens_seen),
        "steps": trainer.state.global_step,
        "kept_step": checks.best_step,
        "dev_joint_f1": checks.scores,
        "reward": [entry["reward"] for entry in history],
        "kl": [entry.get("kl") for entry in history],
        "groups_without_spread": [entry.get("frac_reward_zero_std") for entry in history],
    }


def _rows(context: StageContext, prompting: Prompting) -> list[dict[str, Any]]:
    return [
        {
            "prompt": prompting.prompt(piece.text),
            "text": piece.text,
            "annotations": [
                a.model_dump(include={"code", "system", "mentions"}) for a in piece.annotations or ()
            ],
        }
        for piece in annotated_windows(read_documents(context.needed("annotated")), prompting)
    ]


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
    ) -> None:
        self._every = settings.check_every
        self._last = settings.steps
        self._context = context
        self._loaded = loaded
        self._prompting = prompting
        self._max_new_tokens = max_new_tokens
        self._documents: list[Document] = read_documents(context.needed("dev"))[: settings.dev_documents]
        self._file = context.folder / "dev_checks.json"
        self.scores: dict[str, float] = json.loads(self._file.read_text()) if self._file.exists() else {}

    @property
    def best_step(self) -> int:
        """The step of the best check, the earliest of equals."""
        return int(max(self.scores, key=lambda step: (self.scores[step], -int(step))))

    def check(self, step: int) -> None:
        """Score the model as it is now and keep it if it is the best so far."""
        if str(step) in self.scores:
            return
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
