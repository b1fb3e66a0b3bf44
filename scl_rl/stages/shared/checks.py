"""What TRL and the trainers ask of settings together, found out before anything is loaded."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from typing import Any

from ...modeling.shape import ModelShape
from ...recipe.schema import Head
from ...recipe.tree import Tree, Where
from ...suggest import shown
from ..contract import StageSettings
from .trl_fields import config_defaults

Complaint = tuple[str, str, str]
"""Field of the trainer, what is wrong, what to do."""

_AT_LEAST = {
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "max_completion_length": 1,
    "num_iterations": 1,
    "generation_batch_size": 1,
    "steps_per_generation": 1,
    "logging_steps": 0,
    "learning_rate": 0,
    "warmup_steps": 0,
    "weight_decay": 0,
    "beta": 0,
    "temperature": 0,
}
_MORE_THAN = {"temperature", "logging_steps"}  # the least itself won't do either
_NEEDS_EVALUATION = ("reduce_lr_on_plateau", "greedy")
_SWITCHES = {"use_vllm": "vllm", "use_liger_kernel": "liger_kernel", "deepspeed": "deepspeed"}
_REPORTS = ("wandb", "tensorboard", "mlflow", "trackio", "comet_ml", "clearml", "swanlab")


def trainer_of(settings: StageSettings, head: Head) -> dict[str, Any]:
    """The fields that a training stage's config will have: the recipe's, else ours, else TRL's own."""
    return _complete(type(settings), getattr(settings, "trainer", {}), head.model.dtype == "bfloat16")


def _complete(kind: type[StageSettings], given: dict[str, Any], bf16: bool) -> dict[str, Any]:
    if kind.trainer_config is None:
        return {}
    known = {"gradient_accumulation_steps": 1, **config_defaults(kind.trainer_config)}
    return {**known, "bf16": bf16, **kind.trainer_defaults, **given}


def generation_batch(trainer: dict[str, Any], processes: int = 1) -> int:
    """How many completions GRPO samples at a time, in all processes together."""
    whole = trainer.get("generation_batch_size")
    rounds = trainer.get("steps_per_generation") or trainer["gradient_accumulation_steps"]
    return int(whole or trainer["per_device_train_batch_size"] * rounds * processes)


def answer_limit(settings: StageSettings, head: Head) -> int | None:
    """Most tokens of an answer that a stage lets a model write, None if it lets it write nothing."""
    if settings.trainer_config == "grpo":
        return int(trainer_of(settings, head)["max_completion_length"])
    if settings.trainer_config == "sft" and getattr(settings, "check_every", None) is None:
        return None
    return getattr(settings, "max_new_tokens", None)


def check_context(head: Head, stages: dict[str, StageSettings], shape: ModelShape | None, tree: Tree) -> None:
    """Note windows and answers that are together more than the model reads."""
    if shape is None:
        return
    for name, settings in stages.items():
        answer, window = answer_limit(settings, head), head.window.tokens if head.window else 0
        if answer is not None and answer + window > shape.context:
            what = f"{window} tokens of a note and {answer} of an answer" if window else f"{answer} tokens"
            tree.fail(("stages", name), f"{what} are more than the {shape.context} that the model reads")


def check_trainer(
    name: str, kind: type[StageSettings], written: dict[str, Any], bf16: bool, tree: Tree, processes: int = 1
) -> None:
    """Note what the trainer of a stage would refuse, whatever else is wrong with the stage.

    Args:
        written: the stage as written.
        bf16: the model's weights are bfloat16, which has the trainer compute in it.
        processes: how many train together.
    """
    given, peft = (_sound(written.get(part), ("stages", name, part), tree) for part in ("trainer", "peft"))
    trainer = _complete(kind, given, bf16)
    if not trainer:
        return
    low = list(_too_low(given))
    complaints = [*low, *_any_trainer(trainer, given)]
    if not low:
        of_kind = {"grpo": _grpo, "dpo": _dpo, "sft": _sft}[str(kind.trainer_config)]
        complaints += of_kind(trainer, processes)
    for field, what, hint in complaints:
        where = ("stages", name, "trainer", field) if field in given else ("stages", name)
        tree.fail(where, what, hint)
    for field, what in _adapter(peft):
        tree.fail(("stages", name, "peft", field), what)


def _sound(section: Any, where: Where, tree: Tree) -> dict[str, Any]:
    """The fields of a section that have no problem yet."""
    if not isinstance(section, dict):
        return {}
    return {name: value for name, value in section.items() if not tree.spoilt((*where, name))}


def _too_low(given: dict[str, Any]) -> Iterator[Complaint]:
    for field, least in _AT_LEAST.items():
        value = given.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if value < least or (value == least and field in _MORE_THAN):
            words = "more than" if field in _MORE_THAN else "at least"
            yield field, f"should be {words} {least}, not {shown(value)}", ""


def _any_trainer(trainer: dict[str, Any], given: dict[str, Any]) -> Iterator[Complaint]:
    checks = "dev documents are checked every 'check_every' steps of the stage"
    if given.get("eval_strategy") not in (None, "no"):
        yield "eval_strategy", "the trainer is given nothing to evaluate on", checks
    if given.get("load_best_model_at_end"):
        yield "load_best_model_at_end", "the trainer is given nothing to evaluate on", checks
    if given.get("lr_scheduler_type") in _NEEDS_EVALUATION:
        what = f"'{given['lr_scheduler_type']}' goes by evaluations, and the trainer is given none"
        yield "lr_scheduler_type", what, "choose another schedule"
    if trainer.get("fp16") and trainer.get("bf16"):
        hint = "set bf16: false" if "bf16" not in given else "remove one of them"
        yield "fp16", "fp16 and bf16 can't both be on", hint
    if given.get("log_completions"):
        hint = "the stage's 'save_completions' keeps them in a file"
        yield "log_completions", "would print notes on the console", hint
    for field, library in _SWITCHES.items():
        if given.get(field) and not _installed(library):
            yield field, f"needs {library}, which is not installed", f"pip install {library}"
    optimizer = str(given.get("optim", ""))
    if ("8bit" in optimizer or "bnb" in optimizer or "paged" in optimizer) and not _installed("bitsandbytes"):
        yield "optim", f"{optimizer} needs bitsandbytes, which is not installed", "pip install bitsandbytes"
    reports = given.get("report_to") or []
    for report in [reports] if isinstance(reports, str) else reports:
        if report in _REPORTS and not _installed(report):
            yield "report_to", f"{report} is not installed", f"pip install {report}"


def _grpo(trainer: dict[str, Any], processes: int) -> Iterator[Complaint]:
    group, batch = trainer["num_generations"], trainer["per_device_train_batch_size"]
    rounds = trainer["gradient_accumulation_steps"]
    whole, turns = trainer.get("generation_batch_size"), trainer.get("steps_per_generation")
    if trainer["max_completion_length"] is None:
        yield "max_completion_length", "is null", "set this: most tokens of an answer"
    if trainer.get("auto_find_batch_size"):
        hint = "lower per_device_train_batch_size instead"
        yield "auto_find_batch_size", "would tear apart the answers to one prompt", hint
    if whole is not None and turns is not None:
        what = "can't be set beside steps_per_generation: each gives the other"
        yield "generation_batch_size", what, "remove one of them"
        return
    if not isinstance(group, int) or group < 2:
        what = f"should be at least 2, not {shown(group)}: GRPO compares the answers to one prompt"
        yield "num_generations", what, ""
        return
    if whole is not None and whole % (batch * processes):
        each = f", which is {batch}" if processes == 1 else f" × {processes} processes, {batch * processes}"
        what = f"{whole} is not a multiple of per_device_train_batch_size{each}"
        yield "generation_batch_size", what, _nearest_multiples(whole, batch * processes)
        return
    size = generation_batch(trainer, processes)
    if size % group:
        by = "steps_per_generation" if turns is not None else "gradient_accumulation_steps"
        product = f", per_device_train_batch_size {batch} × {by} {rounds if turns is None else turns}"
        product += "" if processes == 1 else f" × {processes} processes"
        what = f"{group} does not divide the {size} completions of a generation batch"
        fitting = [n for n in range(2, size + 1) if size % n == 0]
        hint = f"use one of {', '.join(map(str, fitting))}" if 0 < len(fitting) <= 8 else ""
        if not fitting:
            hint = "make the batch larger"
        yield "num_generations", what + (product if whole is None else ""), hint


def _dpo(trainer: dict[str, Any], processes: int) -> Iterator[Complaint]:
    given = trainer.get("loss_type")
    losses = [given] if isinstance(given, str) else list(given or ["sigmoid"])
    weights = trainer.get("loss_weights")
    if isinstance(weights, list) and len(weights) != len(losses):
        what = f"has {len(weights)} weights where loss_type has {len(losses)}"
        yield "loss_weights", what, "one for each; the stage's 'anchor' adds its own"
    smoothing = trainer.get("label_smoothing", 0.0)
    if "exo_pair" in losses and not smoothing:
        yield "loss_type", "'exo_pair' needs label_smoothing above 0", "the paper has 1e-3"
    if "robust" in losses and not 0 <= smoothing < 0.5:
        yield "label_smoothing", f"should be from 0 to below 0.5 for 'robust', not {shown(smoothing)}", ""


def _sft(trainer: dict[str, Any], processes: int) -> Iterator[Complaint]:
    if trainer.get("packing"):
        what = "needs max_length, which the recipe's 'window' stands for"
        yield "packing", what, "remove it: batches are already of like length"
    if trainer.get("assistant_only_loss"):
        yield "assistant_only_loss", "the loss is on the answer alone already", "remove it"


def _adapter(peft: dict[str, Any]) -> Iterator[tuple[str, str]]:
    rank, dropout = peft.get("r"), peft.get("lora_dropout")
    if isinstance(rank, int) and not isinstance(rank, bool) and rank < 1:
        yield "r", f"should be at least 1, not {rank}"
    if isinstance(dropout, int | float) and not 0 <= dropout < 1:
        yield "lora_dropout", f"should be from 0 to below 1, not {shown(dropout)}"


def _nearest_multiples(number: int, of: int) -> str:
    above = math.ceil(number / of) * of
    return f"use {above - of} or {above}" if above > of else f"use {above}"


def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
