"""Training that diverged ends with a sentence, and leaves no model or checkpoint that is not finite.

Once a loss is NaN all weights are, from the next update on. So loss and gradients are looked at before the
optimizer takes its step, and weights before they are saved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback

from ...errors import WorkError
from ...modeling.finite import NotFiniteError, not_finite
from ...upstream.trainers import WatchedTrainer


class DivergedError(WorkError):
    """Training can't continue: its numbers are no longer finite."""

    def __init__(self, what: str) -> None:
        super().__init__(f"training diverged: {what}; lower learning_rate")


class StopWhenDiverged(TrainerCallback):  # type: ignore[misc]
    """Ends training before an optimizer step whose loss or gradients are not finite.

    The device is waited for once an optimizer step. In float16, where losses are scaled, a step whose
    gradients overflow is part of the method and is left out by the scaler, so that only the loss counts.
    """

    def __init__(self, trainer: WatchedTrainer) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at what the step is made of.

        Raises:
            DivergedError: it is not finite.
        """
        trainer = self._trainer
        loss, trainer.step_loss = trainer.step_loss, 0.0
        step = state.global_step + 1
        if not math.isfinite(float(loss)):
            raise DivergedError(f"the loss is not finite at step {step}")
        if trainer.accelerator.mixed_precision != "fp16" and not math.isfinite(float(trainer.grad_norm)):
            raise DivergedError(f"the gradient norm is not finite at step {step}")

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Look at the weights of a checkpoint.

        Raises:
            DivergedError: they are not finite.
        """
        check_weights(model.named_parameters(), state.global_step)


def check_weights(weights: Any, step: int) -> None:
    """Refuse weights that are not finite.

    Args:
        weights: names and tensors.
        step: the optimizer step after which they are looked at.

    Raises:
        DivergedError: they are not.
    """
    if not_finite(weights):
        raise DivergedError(f"the weights are not finite after step {step}")


@contextmanager
def divergence_told(trainer: Any) -> Iterator[None]:
    """Say of a model that gives no finite scores, while it is trained, that training diverged.

    Raises:
        DivergedError: it gave none.
    """
    try:
        yield
    except NotFiniteError:
        step = trainer.state.global_step
        raise DivergedError(f"the model's scores are not finite after step {step}") from None
