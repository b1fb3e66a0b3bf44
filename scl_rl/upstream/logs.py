"""What libraries print, held back where it may be text of a note or is of no use."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping

_TRL = "trl"

GRPO_FIGURES: Mapping[str, str] = {
    "reward": "reward",
    "reward_std": "reward_std",
    "kl": "kl",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "clipped_ratio",
}
"""What a GRPOTrainer logs at every step, by our names; the KL divergence only with a reference.
Holds for trl 1.16."""

DPO_FIGURES: Mapping[str, str] = {
    "loss": "loss",
    "logps/chosen": "chosen_logps",
    "logps/rejected": "rejected_logps",
    "rewards/chosen": "chosen_change",
    "rewards/rejected": "rejected_change",
    "rewards/accuracies": "accuracy",
}
"""What a DPOTrainer logs at every step, by our names; the changes are times its ``beta``.
Holds for trl 1.16."""

TOKENS = "num_tokens"
"""The tokens read so far, which TRL's trainers log at every step. Holds for trl 1.16."""


def reward_means(logs: Mapping[str, float]) -> dict[str, float]:
    """Name of a reward → its mean, from what a GRPOTrainer logs.

    Relies on the keys ``rewards/<name>/mean``. Holds for trl 1.16.
    """
    parts = {key: key.split("/") for key in logs}
    return {p[1]: logs[key] for key, p in parts.items() if p[0] == "rewards" and p[2:] == ["mean"]}


class _PlacesOnly(logging.Handler):
    """Prints where a message was logged, once, and not the message."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._seen: set[tuple[str, int]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if (record.name, record.lineno) not in self._seen:
            self._seen.add((record.name, record.lineno))
            what = f"{record.name}, line {record.lineno}: {record.levelname.lower()}"
            print(f"{what}, left out as it may hold text of notes", file=sys.stderr)


def keep_notes_out_of_trls_logs() -> None:
    """Have TRL's loggers say where they were called, and nothing of what they were told.

    TRL writes rows of the dataset into the messages themselves (GRPO the row on which all rewards abstain,
    SFT an end of a prompt), where nothing tells them from what is harmless. So no message gets out, however
    it is worded.

    Relies on TRL naming its loggers after its modules. Holds for trl 1.16.
    """
    logger = logging.getLogger(_TRL)
    if not any(isinstance(handler, _PlacesOnly) for handler in logger.handlers):
        logger.handlers[:] = [_PlacesOnly()]
        logger.propagate = False
    for name, other in logging.root.manager.loggerDict.items():
        if name.startswith(f"{_TRL}.") and isinstance(other, logging.Logger):
            other.handlers.clear()
            other.propagate = True


def ignore_renamed_field() -> None:
    """Drop the warning that ``gradient_checkpointing`` has a new name, under which TRL and peft don't use it.

    Relies on the field's name standing in the warning; if it is worded anew, it is printed.
    Holds for transformers 5.23.
    """
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*", category=FutureWarning)


def ignore_experimental_rollout() -> None:
    """Drop the warning that GRPOTrainer's ``rollout_func`` is experimental: a user can't help it.

    Relies on the argument's name standing in the warning; if it is worded anew, it is printed.
    Holds for trl 1.16.
    """
    warnings.filterwarnings("ignore", message=".*'rollout_func'", category=UserWarning)
