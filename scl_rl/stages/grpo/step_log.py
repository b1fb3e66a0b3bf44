"""The figures of a GRPO stage step by step: on the console, in ``monitor.jsonl``, in the stage's report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from ...errors import WorkError
from ...modeling import ranks
from ...rewards_api.call import RewardError
from ...rewards_api.validated import OnFailure
from ...upstream.logs import GRPO_FIGURES, reward_means
from ..contract import StageContext
from ..shared.step_log import StepLog, truncate_after_step
from .monitor import Monitor, in_words
from .observer import PREFIX
from .settings import GrpoSettings

FAILED = "failed_reward.json"

_FROM_TRL = {
    **GRPO_FIGURES,
    f"{PREFIX}frac_reward_zero_std": "frac_reward_zero_std",
    f"{PREFIX}abstained": "abstained",
    f"{PREFIX}malformed": "malformed",
    f"{PREFIX}grounded": "grounded",
    f"{PREFIX}resampled_groups": "resampled_groups",
}


class MetricsLog(StepLog):
    """Writes down what TRL logs and what the dev checks find, and says what the monitor warns of."""

    def __init__(self, context: StageContext, steps: int, max_tokens: int) -> None:
        super().__init__(context, steps)
        self._monitor = Monitor(steps, max_tokens)

    def resumed(self, step: int, lines: list[dict[str, Any]]) -> None:
        """Let the monitor know of the steps before."""
        truncate_after_step(self._context.folder / GrpoSettings.outputs["completions"], step)
        for line in lines:
            if "dev_joint_f1" in line:
                self._monitor.check(line["step"], line["dev_joint_f1"])
            if "reward" in line:
                self._monitor.step(line)

    def checked(self, step: int, joint_f1: float) -> None:
        """Take a dev check in; the line of its step follows when TRL logs it."""
        known = step in self._monitor.checks
        self._warn_of(self._monitor.check(step, joint_f1))
        if step == 0 and not known:
            self._write({"step": 0, "dev_joint_f1": joint_f1})

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        """Take in what TRL logs after a step."""
        if "reward" not in logs:
            return
        figures: dict[str, Any] = {"step": step}
        figures |= {ours: logs[theirs] for theirs, ours in _FROM_TRL.items() if theirs in logs}
        figures["rewards"] = rewards = reward_means(logs)
        figures["parts"] = {key: value for key, value in logs.items() if key.split("/")[0] in rewards}
        figures["seconds"] = self.times.take()
        checks = self._monitor.checks
        if step in checks:
            figures["dev_joint_f1"] = checks[step]
        self._write(figures)
        dev = f", dev joint F1 {checks[max(checks)]:.3f}" if checks else ""
        self._show(step, in_words(figures) + dev, logs)
        self._warn_of(self._monitor.step(figures))

    def figures(self) -> dict[str, Any]:
        """Every figure as a list over the steps, and the warnings."""
        rewards = self._monitor.series("rewards")
        return {
            **{name: self._monitor.series(name) for name in _FROM_TRL.values()},
            "rewards": {name: [step[name] for step in rewards] for name in (rewards[0] if rewards else ())},
            "seconds": self._monitor.series("seconds"),
            "warnings": self._monitor.warnings,
        }

    def _warn_of(self, warnings: list[str]) -> None:
        for warning in warnings:
            self._warn(warning)


def record_failure(context: StageContext) -> OnFailure:
    """What stops a stage whose reward fails: the row goes into a file, and nothing of its text elsewhere."""
    path = (context.first_folder or context.folder) / FAILED
    path.unlink(missing_ok=True)  # of an earlier try

    def failed(error: RewardError, report: dict[str, Any]) -> NoReturn:
        half = path.with_name(f".{FAILED}.{ranks.rank()}")  # it may fail in several processes at once
        half.write_text(
            json.dumps(report, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8"
        )
        half.replace(path)
        if error.cause is None:
            what = str(error)
        else:  # its own words may be the note's
            place = f" ({report['raised_at']})" if report["raised_at"] else ""
            rows = report["rows"]
            row = f" on row {rows[0]['row'].get('id')}" if error.row is not None else ""
            what = f"reward '{report['reward']}' raised {type(error.cause).__name__}{place}{row}"
        raise WorkError(f"{what}; step {report['step']}, see {path}") from None

    return failed
