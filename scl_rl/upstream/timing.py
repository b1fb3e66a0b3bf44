"""Watching the parts of a step of TRL's trainers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

_PARTS = {
    "training_step": "policy",
    "choose_rows": "generation",
    "_generate": "generation",
    "_calculate_rewards": "rewards",
}


def watch_parts(trainer: Any, start: Callable[[str], None], stop: Callable[[], None]) -> None:
    """Have a trainer say when a part of a step begins and ends; parts lie within each other.

    Relies on GRPOTrainer sampling in ``_generate`` and calling rewards in ``_calculate_rewards``, both within
    ``training_step``, and on TRL asking models for log-probabilities with ``fused_lm_head=True``.
    Holds for trl 1.16.
    """

    def watched(method: Any, part: str) -> Any:
        @wraps(method)
        def within(*args: Any, **kwargs: Any) -> Any:
            start(part)
            try:
                return method(*args, **kwargs)
            finally:
                stop()

        return within

    for name, part in _PARTS.items():
        if getattr(trainer, name, None) is not None:
            setattr(trainer, name, watched(getattr(trainer, name), part))

    def without_gradients(kwargs: Any) -> bool:
        return bool(kwargs.get("fused_lm_head")) and not torch.is_grad_enabled()

    def before(module: Any, args: Any, kwargs: Any) -> None:
        if without_gradients(kwargs):
            start("reference")

    def after(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        if without_gradients(kwargs):
            stop()

    for model in (trainer.model, trainer.ref_model):
        if model is not None:
            model.register_forward_pre_hook(before, with_kwargs=True)
            model.register_forward_hook(after, with_kwargs=True)
