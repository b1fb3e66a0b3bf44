"""What DPO's losses ask of their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import Problem
from ...suggest import shown
from ..shared.checks import of_field


def dpo_checks(config: Mapping[str, Any], processes: int) -> Iterator[Problem]:
    given = config.get("loss_type")
    losses = [given] if isinstance(given, str) else list(given or ["sigmoid"])
    weights = config.get("loss_weights")
    if isinstance(weights, list) and len(weights) != len(losses):
        what = f"has {len(weights)} weights where loss_type has {len(losses)}"
        yield of_field("loss_weights", what, "one for each; the stage's 'anchor' adds its own")
    smoothing = config.get("label_smoothing", 0.0)
    if "exo_pair" in losses and not smoothing:
        yield of_field("loss_type", "'exo_pair' needs label_smoothing above 0", "the paper has 1e-3")
    if "robust" in losses and not 0 <= smoothing < 0.5:
        yield of_field(
            "label_smoothing", f"should be from 0 to below 0.5 for 'robust', not {shown(smoothing)}", ""
        )
