"""What GRPO asks of its batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import Problem
from ...suggest import shown
from ..shared.checks import of_field
from .settings import generation_batch

_MAX_GROUP = 1024  # that is proposed


def grpo_checks(config: Mapping[str, Any], processes: int) -> Iterator[Problem]:
    group, batch = config["num_generations"], config["per_device_train_batch_size"]
    rounds = config["gradient_accumulation_steps"]
    whole, turns = config.get("generation_batch_size"), config.get("steps_per_generation")
    if config["max_completion_length"] is None:
        yield of_field("max_completion_length", "is null", "set this: most tokens of an answer")
    if config.get("auto_find_batch_size"):
        hint = "lower per_device_train_batch_size instead"
        yield of_field("auto_find_batch_size", "would tear apart the answers to one prompt", hint)
    if whole is not None and turns is not None:
        what = "can't be combined with steps_per_generation: each determines the other"
        yield of_field("generation_batch_size", what, "remove one of them")
        return
    if not isinstance(group, int) or group < 2:
        what = f"should be at least 2, not {shown(group)}: GRPO compares the answers to one prompt"
        yield of_field("num_generations", what, "")
        return
    if whole is not None and whole % (batch * processes):
        each = f", which is {batch}" if processes == 1 else f" × {processes} processes, {batch * processes}"
        what = f"{whole} is not a multiple of per_device_train_batch_size{each}"
        yield of_field("generation_batch_size", what, _nearest_multiples(whole, batch * processes))
        return
    size = generation_batch(config, processes)
    if size % group:
        by = "steps_per_generation" if turns is not None else "gradient_accumulation_steps"
        product = f", per_device_train_batch_size {batch} × {by} {rounds if turns is None else turns}"
        product += "" if processes == 1 else f" × {processes} processes"
        what = f"{group} does not divide the {size} completions of a generation batch"
        fitting = [n for n in range(2, min(size, _MAX_GROUP) + 1) if size % n == 0]
        hint = f"use one of {', '.join(map(str, fitting))}" if 0 < len(fitting) <= 8 else ""
        if not fitting:
            hint = "make the batch larger"
        yield of_field("num_generations", what + (product if whole is None else ""), hint)


def _nearest_multiples(number: int, of: int) -> str:
    above = math.ceil(number / of) * of
    return f"use {above - of} or {above}" if above > of else f"use {above}"
