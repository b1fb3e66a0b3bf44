"""Joint F1 on dev documents while a model is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from ...atomic import write_json
from ...corpus.jsonl import read_documents
from ...corpus.types import Document, Prediction
from ...metrics.report import evaluate_predictions
from ...modeling import ranks
from ...modeling.load import Loaded, save_trained
from ..contract import StageContext
from .prompting import Prompting, predict_documents
from .settings import EvalSchedule
from .trainer import model_card


class DevEval(TrainerCallback):  # type: ignore[misc]
    """Joint F1 on dev documents, before the first step, every few steps and after the last.

    The model that the schedule asks for is saved as the stage's. The training reward can rise while the model
    gets worse, so it decides nothing here.

    Args:
        steps: optimizer steps of the whole training.
        on_score: told of every step and its score.
    """

    def __init__(
        self,
        schedule: EvalSchedule,
        steps: int,
        context: StageContext,
        loaded: Loaded,
        prompting: Prompting,
        on_score: Callable[[int, float], None] = lambda step, score: None,
    ) -> None:
        self._schedule = schedule
        self._last = steps
        self._context = context
        self._loaded = loaded
        self._prompting = prompting
        self._on_score = on_score
        self._documents: list[Document] = read_documents(context.needed("dev"))[: schedule.documents]
        self._file = context.folder / "dev_checks.json"
        self.scores: dict[str, float] = json.loads(self._file.read_text()) if self._file.exists() else {}

    @property
    def best_step(self) -> int:
        """The step of the best check, the earliest of equals; 0, the parent, if none gains enough on it.

        Of the last check, where the last model is to be kept.
        """
        if self._schedule.keep == "last":
            return max(map(int, self.scores))
        least = self.scores["0"] + self._schedule.min_gain
        good = {int(step): score for step, score in self.scores.items() if score >= least}
        return max(good, key=lambda step: (good[step], -step), default=0)

    def latest(self) -> str:
        """The last check for a line of progress; empty before the first."""
        step = max(map(int, self.scores), default=None)
        return "" if step is None else f", dev joint F1 {self.scores[str(step)]:.3f}"

    def check(self, step: int) -> None:
        """Score the model as it is now, unless that was done, and keep it if it is the best so far."""
        if str(step) not in self.scores:
            self._score(step)
        self._on_score(step, self.scores[str(step)])

    def _score(self, step: int) -> None:
        figures = evaluate_predictions(self._documents, self._predictions())
        joint = figures["joint"]["micro"]
        self.scores[str(step)] = joint["f1"]
        if self._schedule.keep and self.best_step == step and ranks.is_main_process():
            save_trained(self._loaded, self._context.folder / "model", model_card(self._context))
        write_json(self._file, self.scores)
        parts = f"precision {joint['precision']:.2f}, recall {joint['recall']:.2f}"
        self._context.say(
            f"{self._context.name}: step {step}, dev joint F1 {joint['f1']:.3f} ({parts}) "
            f"on {len(self._documents)} documents"
        )

    def _predictions(self) -> list[Prediction]:
        """What the model as it is now says of the documents, of which each process reads its share."""
        ours = self._documents[ranks.rank() :: ranks.num_processes()]
        limit = self._schedule.max_new_tokens
        found, _ = predict_documents(self._loaded, ours, self._prompting, limit, batch_size=16)
        of_all = {prediction.id: prediction for part in ranks.gather(found) for prediction in part}
        return [of_all[document.id] for document in self._documents]

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate the parent."""
        if state.global_step == 0:
            self.check(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate, if it is time to."""
        if state.global_step % self._schedule.every == 0 or state.global_step == self._last:
            self.check(state.global_step)
