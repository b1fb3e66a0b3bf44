"""The figures of a GRPO stage step by step: on the console, in ``monitor.jsonl``, in the stage's report."""

from __future__ import annotations

import json
import logging
from typing import Any, NoReturn

from ...errors import WorkError
from ...modeling import ranks
from ...rewards_api.call import RewardError
from ...rewards_api.guard import Failed
from ..contract import StageContext
from ..shared.progress import Progress, Speed
from .monitor import Figures, Monitor, in_words
from .observer import PREFIX, forget_after

COMPLETIONS = "completions.jsonl"
WINDOWS = "windows.jsonl"  # what the completions are about, as documents
MONITOR = "monitor.jsonl"
FAILED = "failed_reward.json"

_FROM_TRL = {
    "reward": "reward",
    "reward_std": "reward_std",
    "kl": "kl",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "cut_off",
    f"{PREFIX}groups_without_spread": "groups_without_spread",
    f"{PREFIX}abstained": "abstained",
    f"{PREFIX}malformed": "malformed",
    f"{PREFIX}grounded": "grounded",
}


class StepLog:
    """Writes down what TRL logs and what the dev checks find, and says what the monitor warns of."""

    def __init__(self, context: StageContext, monitor: Monitor, steps: int) -> None:
        self._context = context
        self._monitor = monitor
        self._steps = steps
        self._file = context.folder / MONITOR
        self._speed, self._progress = Speed(), Progress(context.name, context.progress)

    def began(self, step: int) -> None:
        """Training begins after ``step``: take up what was written until then, and forget the rest."""
        self._speed = Speed()
        self._progress = Progress(self._context.name, self._context.progress, step)
        forget_after(self._context.folder / COMPLETIONS, step)
        for line in forget_after(self._file, step):
            if "dev_joint_f1" in line:
                self._monitor.check(line["step"], line["dev_joint_f1"])
            if "reward" in line:
                self._monitor.step(line)

    def checked(self, step: int, joint_f1: float) -> None:
        """Take a dev check in; the line of its step follows when TRL logs it."""
        self._warn(self._monitor.check(step, joint_f1))
        if step == 0:
            self._write({"step": 0, "dev_joint_f1": joint_f1})

    def logged(self, step: int, logs: dict[str, Any]) -> None:
        """Take in what TRL logs after a step."""
        if "reward" not in logs:
            return
        figures: dict[str, Any] = {"step": step}
        figures |= {ours: logs[theirs] for theirs, ours in _FROM_TRL.items() if theirs in logs}
        rewards = [key.split("/")[1] for key in logs if key.startswith("rewards/") and key.endswith("/mean")]
        figures["rewards"] = {name: logs[f"rewards/{name}/mean"] for name in rewards}
        figures["parts"] = {key: value for key, value in logs.items() if key.split("/")[0] in rewards}
        if step in self._monitor.checks:
            figures["dev_joint_f1"] = self._monitor.checks[step]
        self._write(figures)
        checks = self._monitor.checks
        dev = f", dev joint F1 {checks[max(checks)]:.3f}" if checks else ""
        note = f", {in_words(figures)}{dev}{self._speed.logged(logs)}"
        self._progress.count(step, self._steps, note)
        self._warn(self._monitor.step(figures))

    def figures(self) -> dict[str, Any]:
        """Every figure as a list over the steps, and the warnings."""
        rewards = self._monitor.series("rewards")
        return {
            **{name: self._monitor.series(name) for name in _FROM_TRL.values()},
            "rewards": {name: [step[name] for step in rewards] for name in (rewards[0] if rewards else ())},
            "warnings": self._monitor.warnings,
        }

    def callback(self) -> Any:
        """This log as a TrainerCallback."""
        from transformers import TrainerCallback

        log = self

        class _Log(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                log.began(state.global_step)

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
                log.logged(state.global_step, logs or {})

        return _Log()

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            self._context.say(f"{self._context.name}: warning: {warning}")

    def _write(self, figures: Figures) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(figures) + "\n")


def keep_failure(context: StageContext) -> Failed:
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


def say_nothing_of_rows() -> None:
    """TRL prints the row that every reward abstains on, note and all; the monitor counts them instead."""

    def harmless(record: logging.LogRecord) -> bool:
        return "All reward functions returned None" not in str(record.msg)

    logging.getLogger("trl.trainer.grpo_trainer").addFilter(harmless)
