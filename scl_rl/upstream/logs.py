"""What libraries print, held back where it may be text of a note or is of no use."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

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


class _PlacesOnly:
    """Makes log records; those of TRL say where they were made, and nothing of what they were told."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make
        self._seen: set[tuple[str, int]] = set()

    def __call__(
        self, name: str, level: int, path: str, line: int, *args: Any, **kwargs: Any
    ) -> logging.LogRecord:
        if name.partition(".")[0] != _TRL:
            return self._make(name, level, path, line, *args, **kwargs)
        kind = logging.getLevelName(level).lower()
        said = f"{name}, line {line}: {kind}, left out as it may hold text of notes"
        if (name, line) in self._seen:
            level = logging.DEBUG
        self._seen.add((name, line))
        return self._make(name, level, path, line, said, (), None)


def keep_notes_out_of_trls_logs() -> None:
    """Have what TRL logs say where it was logged, and at every place but the first time only for debugging.

    TRL writes rows of the dataset into the messages themselves (GRPO the row on which all rewards abstain,
    SFT an end of a prompt), where nothing tells them from what is harmless. So no message gets out, however
    it is worded and whoever handles it.

    Relies on TRL naming its loggers after its modules. Holds for trl 1.16.
    """
    make = logging.getLogRecordFactory()
    if not isinstance(make, _PlacesOnly):
        logging.setLogRecordFactory(_PlacesOnly(make))


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
