"""What DPO does to the likelihood of chosen and rejected answers, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from ...corpus.jsonl import whole_lines
from ...upstream.logs import DPO_FIGURES, TOKENS
from ..contract import StageContext
from ..shared.step_log import StepLog

_FELL = 0.5  # nats that a mean log-likelihood may fall before it is worth a warning


class LikelihoodLog(StepLog):
    """Writes it into ``monitor.jsonl``.

    ``chosen_change`` and ``rejected_change`` are mean log-likelihoods against the reference, in nats per
    answer.
    """

    def __init__(self, context: StageContext, steps: int, beta: float) -> None:
        super().__init__(context, steps)
        self._beta = beta
        self._dev = ""
        self._checked: set[int] = set()
        self.tokens = 0
        self._before = 0  # tokens of the steps before the one that training resumes from; TRL counts anew

    def resumed(self, step: int, lines: list[dict[str, Any]]) -> None:
        """Count on from the tokens of the steps before."""
        self.tokens = self._before = max((line["tokens"] for line in lines if "tokens" in line), default=0)
        self._checked = {line["step"] for line in lines if "dev_joint_f1" in line}

    def checked(self, step: int, joint_f1: float) -> None:
        """Write a dev check down, once."""
        self._dev = f", dev joint F1 {joint_f1:.3f}"
        if step not in self._checked:
            self._checked.add(step)
            self._write({"step": step, "dev_joint_f1": joint_f1})

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        """Take in what TRL logs after a step."""
        if "loss" not in logs:  # as after the last step
            return
        self.tokens = self._before + int(logs[TOKENS])
        figures = {"step": step, **{ours: logs[theirs] for theirs, ours in DPO_FIGURES.items()}}
        figures["chosen_change"] /= self._beta
        figures["rejected_change"] /= self._beta
        figures["tokens"] = self.tokens
        figures["seconds"] = self.times.take()
        self._write(figures)
        words = (
            f"loss {figures['loss']:.3f}, likelihood of chosen {figures['chosen_change']:+.2f} and "
            f"rejected {figures['rejected_change']:+.2f} nats, {figures['accuracy']:.0%} of pairs in order"
        )
        self._show(step, words + self._dev, logs)

    def figures(self) -> dict[str, Any]:
        """Means over the first and the last fifth of the steps, and what there is to warn of."""
        steps = [line for line in whole_lines(self._file) if "loss" in line]
        part = max(1, len(steps) // 5)

        def means(lines: list[dict[str, Any]]) -> dict[str, float]:
            names = ("loss", "chosen_logps", "rejected_logps", "chosen_change", "rejected_change", "accuracy")
            return {name: fmean(line[name] for line in lines) for name in names}

        first, last = means(steps[:part]), means(steps[-part:])
        warnings = []
        if last["chosen_change"] < -_FELL:
            warnings.append(
                f"the chosen answers became less likely too (by {-last['chosen_change']:.1f} nats, the "
                f"rejected ones by {-last['rejected_change']:.1f}): raise 'anchor' or lower the learning rate"
            )
        for warning in warnings:
            self._warn(warning)
        seconds = [line.get("seconds", {}) for line in steps]
        return {"first_steps": first, "last_steps": last, "seconds": seconds, "warnings": warnings}
