"""What trainers ask of their settings together, found out before anything is loaded."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import Problem
from ...suggest import shown
from ..contract import StageSettings, part

_MAX_BATCH = 1_000_000
_RANGES: dict[str, tuple[float, float]] = {
    "per_device_train_batch_size": (1, _MAX_BATCH),
    "gradient_accumulation_steps": (1, _MAX_BATCH),
    "max_completion_length": (1, math.inf),
    "num_iterations": (1, math.inf),
    "generation_batch_size": (1, _MAX_BATCH),
    "steps_per_generation": (1, _MAX_BATCH),
    "data_seed": (0, 2**32 - 1),
    "logging_steps": (0, math.inf),
    "learning_rate": (0, math.inf),
    "warmup_steps": (0, math.inf),
    "weight_decay": (0, math.inf),
    "beta": (0, math.inf),
    "temperature": (0, math.inf),
    "adam_beta1": (0, 1),
    "adam_beta2": (0, 1),
}
_MORE_THAN = {"temperature", "logging_steps"}  # the least itself won't do either
_LESS_THAN = {"adam_beta1", "adam_beta2"}  # nor the most
MAX_RANK = 4096
_NEEDS_EVALUATION = ("reduce_lr_on_plateau", "greedy")
_SWITCHES = {"use_vllm": "vllm", "use_liger_kernel": "liger_kernel", "deepspeed": "deepspeed"}
_REPORTS = ("wandb", "tensorboard", "mlflow", "trackio", "comet_ml", "clearml", "swanlab")


def trainer_problems(
    kind: type[StageSettings],
    config: Mapping[str, Any],
    written: Mapping[str, Any],
    peft: Mapping[str, Any],
    processes: int,
) -> Iterator[Problem]:
    """What a stage's trainer would refuse; ``at`` leads from the stage to the field.

    Args:
        config: the whole config, as :func:`.config.resolve` gives it.
        written: the fields under the stage's ``trainer``.
        peft: the fields under its ``peft``.
        processes: how many train together.
    """
    beyond = list(_out_of_range(written))
    found = [*beyond, *_any_trainer(config, written)]
    if not beyond and kind.checks is not None:
        found += part(kind.checks)(config, processes)
    for problem in found:
        in_recipe = problem.at[-1] in written
        yield problem if in_recipe else Problem("", problem.what, problem.hint)
    yield from adapter_problems(peft)


def of_field(field: str, what: str, hint: str = "") -> Problem:
    """A problem of a field of ``trainer``."""
    return Problem("", what, hint, ("trainer", field))


def _out_of_range(given: Mapping[str, Any]) -> Iterator[Problem]:
    for field, (least, most) in _RANGES.items():
        value = given.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if value < least or (value == least and field in _MORE_THAN):
            words = "more than" if field in _MORE_THAN else "at least"
            yield of_field(field, f"should be {words} {least}, not {shown(value)}", "")
        elif value > most or (value == most and field in _LESS_THAN):
            words = "less than" if field in _LESS_THAN else "at most"
            yield of_field(field, f"should be {words} {most}, not {shown(value)}", "")


def _any_trainer(config: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Problem]:
    checks = "dev documents are checked every 'eval_steps' steps of the stage"
    if given.get("eval_strategy") not in (None, "no"):
        yield of_field("eval_strategy", "the trainer is given nothing to evaluate on", checks)
    if given.get("load_best_model_at_end"):
        yield of_field("load_best_model_at_end", "the trainer is given nothing to evaluate on", checks)
    if given.get("lr_scheduler_type") in _NEEDS_EVALUATION:
        what = f"'{given['lr_scheduler_type']}' needs evaluations, and the trainer runs none"
        yield of_field("lr_scheduler_type", what, "choose another schedule")
    if config.get("fp16") and config.get("bf16"):
        hint = "set bf16: false" if "bf16" not in given else "remove one of them"
        yield of_field("fp16", "fp16 and bf16 can't both be on", hint)
    if given.get("log_completions"):
        hint = "the stage's 'save_completions' keeps them in a file"
        yield of_field("log_completions", "would print notes on the console", hint)
    for field, library in _SWITCHES.items():
        if given.get(field) and not _installed(library):
            yield of_field(field, f"needs {library}, which is not installed", f"pip install {library}")
    optimizer = str(given.get("optim", ""))
    if ("8bit" in optimizer or "bnb" in optimizer or "paged" in optimizer) and not _installed("bitsandbytes"):
        yield of_field(
            "optim", f"{optimizer} needs bitsandbytes, which is not installed", "pip install bitsandbytes"
        )
    reports = given.get("report_to") or []
    for report in [reports] if isinstance(reports, str) else reports:
        if report in _REPORTS and not _installed(report):
            yield of_field("report_to", f"{report} is not installed", f"pip install {report}")


def adapter_problems(peft: Mapping[str, Any]) -> Iterator[Problem]:
    rank, dropout, targets = peft.get("r"), peft.get("lora_dropout"), peft.get("target_modules")
    if isinstance(rank, int) and not isinstance(rank, bool) and not 1 <= rank <= MAX_RANK:
        words = "at least 1" if rank < 1 else f"at most {MAX_RANK}"
        yield Problem("", f"should be {words}, not {rank}", at=("peft", "r"))
    if isinstance(dropout, int | float) and not 0 <= dropout < 1:
        yield Problem("", f"should be from 0 to below 1, not {shown(dropout)}", at=("peft", "lora_dropout"))
    if isinstance(targets, str | list) and not targets:
        yield Problem("", "should not be empty", "all-linear, or a list of names", ("peft", "target_modules"))
    elif isinstance(targets, str):
        try:
            re.compile(targets)
        except re.error as error:
            what = f"{shown(targets)} is no regular expression: {error}"
            yield Problem("", what, at=("peft", "target_modules"))


def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
