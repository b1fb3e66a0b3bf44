"""The curves of a run: what each training stage logged, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .collect import RunRecord

Points = list[tuple[float, float]]

_STEPS = {  # what is drawn of a step → the panel
    "loss": "loss (nats per token)",
    "reward": "reward",
    "kl": "KL to the reference (nats per token)",
    "length": "completion length (tokens)",
    "clipped_ratio": "share",
    "frac_reward_zero_std": "share",
    "grounded": "share",
    "resampled_groups": "groups resampled per batch",
    "accuracy": "share",
    "malformed": "malformed lines per completion",
    "chosen_change": "log-likelihood against the reference (nats)",
    "rejected_change": "log-likelihood against the reference (nats)",
    "dev_joint_f1": "joint F1 on dev documents",
}
_SHOWN = {
    "clipped_ratio": "cut off at the limit",
    "frac_reward_zero_std": "groups with equal rewards",
    "grounded": "quotes located",
    "accuracy": "pairs in order",
    "chosen_change": "chosen",
    "rejected_change": "rejected",
    "dev_joint_f1": "dev",
}


@dataclass(frozen=True)
class Panel:
    """One diagram: a title for its y axis, and lines by name."""

    title: str
    lines: dict[str, Points]


def curves(run: RunRecord) -> dict[str, list[Panel]]:
    """Stage → its diagrams; stages that logged nothing are left out."""
    found: dict[str, list[Panel]] = {}
    for name, entry in run.stages.items():
        panels: dict[str, dict[str, Points]] = {}
        for step in _lines(entry.figures, run.steps(name)):
            at = float(step["step"])
            for key, panel in _STEPS.items():
                _add(panels, panel, _SHOWN.get(key, key), at, step.get(key))
            for reward, value in (step.get("rewards") or {}).items():
                if len(step["rewards"]) > 1:
                    _add(panels, "reward", reward, at, value)
        if panels:
            found[name] = [Panel(title, lines) for title, lines in panels.items()]
    return found


def _lines(figures: Mapping[str, Any], logged: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One object per step: what ``monitor.jsonl`` has, and what only the figures of a stage do."""
    by_step: dict[int, dict[str, Any]] = {}
    for line in logged:
        by_step.setdefault(int(line["step"]), {}).update(line)
    for key, values in (("loss", figures.get("loss_by_step")), ("dev_joint_f1", figures.get("dev_joint_f1"))):
        for step, value in (values or {}).items():
            by_step.setdefault(int(step), {}).setdefault(key, value)
    return [{**values, "step": step} for step, values in sorted(by_step.items())]


def _add(panels: dict[str, dict[str, Points]], panel: str, line: str, at: float, value: Any) -> None:
    if isinstance(value, int | float):
        panels.setdefault(panel, {}).setdefault(line, []).append((at, float(value)))
