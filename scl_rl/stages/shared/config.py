"""The config that a trainer gets, field by field, each with where its value comes from.

Training, ``plan``, the checks, the JSON schema and the reference all read it here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..contract import StageSettings
from .trl_fields import config_defaults

Origin = Literal["TRL", "scl-rl", "recipe", "stage"]
"""Where a field's value comes from: TRL's own default, ours, ``trainer`` in the recipe, or the stage's other
settings."""


@dataclass(frozen=True)
class Machine:
    """What a config depends on of the machine that trains.

    Attributes:
        gpu: whether there is one.
        bfloat16: whether it computes in bfloat16 without emulating it.
    """

    gpu: bool
    bfloat16: bool

    @classmethod
    def guessed(cls) -> Machine:
        """This machine, without importing torch: nvidia-smi is there, or the processor's flags say so."""
        gpu = shutil.which("nvidia-smi") is not None
        return cls(gpu, gpu or _bfloat16_on_cpu())

    @classmethod
    def seen_by_torch(cls) -> Machine:
        """This machine, as torch sees it."""
        import torch

        from ...upstream.models import cpu_has_bfloat16

        gpu = torch.cuda.is_available()
        return cls(gpu, gpu or cpu_has_bfloat16())


_ONEDNN_NEEDS = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}  # for bfloat16 on x86


def _bfloat16_on_cpu() -> bool:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next(
        (set(line.split()) for line in lines if line.lower().startswith(("flags", "features"))), set()
    )
    return flags >= _ONEDNN_NEEDS or "bf16" in flags


@dataclass(frozen=True)
class Depends:
    """A default that depends on a fact of the recipe or the machine: a key of :data:`FACTS`."""

    on: str
    yes: Any
    no: Any

    def __str__(self) -> str:
        return f"{_shown(self.yes)} {FACTS[self.on]}, else {_shown(self.no)}"


FACTS = {
    "peft": "with `peft`",
    "gpu": "on a GPU",
    "bfloat16": "where `model.dtype` is bfloat16 and the processor has it",
}

COMMON: Mapping[str, Any] = {
    "use_cpu": Depends("gpu", False, True),
    "bf16": Depends("bfloat16", True, False),
    "gradient_checkpointing": Depends("gpu", True, False),
    "logging_steps": 5,
    "logging_nan_inf_filter": False,  # which puts the mean of earlier losses in place of one that is NaN
    "save_strategy": "steps",
    "save_steps": 0.25,
    "save_total_limit": 1,
    "report_to": "none",
    "disable_tqdm": True,
    "dataloader_pin_memory": Depends("gpu", True, False),
    "ddp_find_unused_parameters": False,  # there are none
}
"""Defaults of every trainer, where they are not TRL's."""


@dataclass(frozen=True)
class Value:
    """What a field is set to, and why."""

    value: Any
    origin: Origin


class Config(Mapping[str, Any]):
    """The fields of a trainer's config with their values; ``origins`` says where each comes from."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def origins(self) -> dict[str, Origin]:
        """Field → where its value comes from."""
        return {name: value.origin for name, value in self._values.items()}

    @property
    def ours(self) -> dict[str, Any]:
        """The fields that TRL has to be told: all but its own defaults."""
        return {name: value.value for name, value in self._values.items() if value.origin != "TRL"}


def defaults_of(kind: type[StageSettings]) -> dict[str, Any]:
    """Defaults of a kind's ``trainer`` fields that are not TRL's; a :class:`Depends` where there are two."""
    return {**COMMON, **kind.trainer_defaults} if kind.trainer_config else {}


def resolve(settings: StageSettings, dtype: str, machine: Machine) -> Config:
    """The config of a stage's trainer; empty for a stage that trains nothing.

    Args:
        dtype: number format of the recipe's model.
    """
    given = {"trainer": getattr(settings, "trainer", {}), "peft": getattr(settings, "peft", None)}
    return resolve_written(type(settings), given, dtype, machine, settings.trainer_values())


def resolve_written(
    kind: type[StageSettings],
    written: Mapping[str, Any],
    dtype: str,
    machine: Machine,
    of_stage: Mapping[str, Any] | None = None,
) -> Config:
    """As :func:`resolve`, for a stage as written, whose settings may have mistakes elsewhere.

    Args:
        written: its ``trainer`` and ``peft``, those that are given.
        of_stage: fields that the stage's other settings decide, as far as they are known.
    """
    if kind.trainer_config is None:
        return Config({})
    facts = {
        "peft": written.get("peft") is not None,
        "gpu": machine.gpu,
        "bfloat16": machine.bfloat16 and dtype == "bfloat16",
    }
    values: dict[str, Value] = {"gradient_accumulation_steps": Value(1, "TRL")}  # of any TRL that we know
    values |= {name: Value(value, "TRL") for name, value in config_defaults(kind.trainer_config).items()}
    for name, value in defaults_of(kind).items():
        if isinstance(value, Depends):
            value = value.yes if facts[value.on] else value.no
        values[name] = Value(value, "scl-rl")
    values |= {name: Value(value, "recipe") for name, value in (written.get("trainer") or {}).items()}
    values |= {name: Value(value, "stage") for name, value in (of_stage or {}).items()}
    return Config(values)


def examples_per_step(config: Mapping[str, Any], processes: int) -> int:
    """The examples of an optimizer step, in all processes together."""
    return int(config["per_device_train_batch_size"] * config["gradient_accumulation_steps"] * processes)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
