"""Whether a model's numbers are finite: NaN and infinity are refused where they show, and not passed on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from ..errors import WorkError


class NotFiniteError(WorkError):
    """The scores that a model gives its tokens are NaN or infinite."""


def not_finite(weights: Iterable[tuple[str, Any]]) -> str | None:
    """The name of the first weights that hold NaN or infinity, None if all are finite.

    Args:
        weights: names and tensors. Of a tensor that several processes share, this process's part is read.
    """
    for name, tensor in weights:
        held = tensor.detach()
        held = held.to_local() if hasattr(held, "to_local") else held
        if held.is_floating_point() and held.numel() and not held.is_meta:
            low, high = torch.aminmax(held)  # both are NaN if a single one is
            if not bool(torch.isfinite(low) & torch.isfinite(high)):
                return name
    return None


def check_scores(peaks: torch.Tensor) -> None:
    """Refuse scores of which the highest is not finite; a token's own may be minus infinity.

    Args:
        peaks: each row's highest score, NaN where one of its scores is.

    Raises:
        NotFiniteError: one is NaN or infinite.
    """
    if not bool(torch.isfinite(peaks).all()):
        raise NotFiniteError("its scores are not finite (NaN or infinity)")


def watch_generation(model: Any) -> None:
    """Have a model check the scores from which the next token is drawn, when others generate with it.

    Drawing from NaN is an error without a name, and on a GPU one after which nothing works there.
    """

    def check(module: Any, args: Any, output: Any) -> None:
        logits = getattr(output, "logits", None)
        if logits is not None and not torch.is_grad_enabled():  # with gradients there is a loss to look at
            check_scores(logits[:, -1].amax(-1))

    model.register_forward_hook(check)
