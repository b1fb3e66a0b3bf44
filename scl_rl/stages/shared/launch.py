"""``launch:`` of a training stage: several processes, started by ``accelerate launch``."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...errors import Problem

NAMED = ("ddp", "zero2", "fsdp2", "zero3", "cpu")  # configs that come with scl-rl
_OURS = {
    "__config_file": "'config'",
    "__num_processes": "'processes'",
    "__module": "the runner",
    "_m": "the runner",
    "__no_python": "the runner",
}


class LaunchSettings(BaseModel):
    """How many processes train the stage, and how they share its model."""

    model_config = ConfigDict(extra="forbid")

    config: str = Field(
        title=f"One of {', '.join(NAMED)}, or a file that `accelerate config` wrote", min_length=1
    )
    processes: int | None = Field(None, title="Total number of processes; absent = as in the config", ge=1)
    args: list[str | int] = Field(default_factory=list, title="Further arguments of `accelerate launch`")
    launcher_prefix: list[str] = Field(
        default_factory=list,
        title="Command that starts the launcher on every machine, such as [srun, --ntasks-per-node=1]",
    )

    @field_validator("args")
    @classmethod
    def _not_ours(cls, value: list[str | int]) -> list[str | int]:
        for argument in value:
            name = str(argument).partition("=")[0]
            if name.replace("-", "_") in _OURS:
                raise ValueError(f"{name} is set by {_OURS[name.replace('-', '_')]}")
        return value

    def file(self, base: Path) -> Path:
        """The config's file; a relative path starts at ``base``."""
        if self.config in NAMED:
            return Path(str(files("scl_rl.recipes").joinpath("accelerate", f"{self.config}.yaml")))
        return base / Path(self.config).expanduser()


class Launch:
    """A config of accelerate's as a recipe names it.

    Attributes:
        file: where it lies.
        processes: how many there are, on all machines together.
    """

    def __init__(self, settings: LaunchSettings, base: Path) -> None:
        self.file = settings.file(base)
        try:
            read = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            read = None  # said by problems()
        self._config: dict[str, Any] | None = read if isinstance(read, dict) else None
        said = (self._config or {}).get("num_processes")
        self.processes: int = settings.processes or (said if isinstance(said, int) and said > 0 else 1)

    @property
    def on_cpu(self) -> bool:
        """Whether it uses no GPU, even where there is one."""
        return bool((self._config or {}).get("use_cpu"))

    @property
    def sharded(self) -> bool:
        """Whether no process has the whole weights."""
        return self.kind in ("FSDP", "DEEPSPEED-3")

    @property
    def kind(self) -> str:
        """How the processes share the model, as far as what they leave depends on it."""
        config = self._config or {}
        stage = (config.get("deepspeed_config") or {}).get("zero_stage")
        return str(config.get("distributed_type")) + ("" if stage is None else f"-{stage}")

    def problems(self) -> Iterator[Problem]:
        """What keeps it from being used, ``at`` the field ``config``."""

        def problem(what: str, hint: str) -> Problem:
            return Problem("", what, hint, at=("config",))

        if not self.file.is_file():
            yield problem(f"there is no {self.file}", f"name a file, or one of {', '.join(NAMED)}")
        elif self._config is None:
            yield problem(f"{self.file} is not a valid accelerate config", "`accelerate config` writes one")
        elif self.kind.startswith("DEEPSPEED") and importlib.util.find_spec("deepspeed") is None:
            yield problem("needs deepspeed, which is not installed", "pip install deepspeed")
        elif self._config.get("compute_environment", "LOCAL_MACHINE") != "LOCAL_MACHINE":
            hint = "set compute_environment: LOCAL_MACHINE in it"
            yield problem(f"{self.file} is not for local machines", hint)


def launch_of(settings: Any, base: Path) -> Launch | None:
    """How a stage is launched, read from disk; None if it runs in a single process."""
    launch = getattr(settings, "launch", None)
    return None if launch is None else Launch(launch, base)


def launch_problems(settings: Any, launch: Launch) -> Iterator[Problem]:
    """Problems, ``at`` their field of ``launch``, that keep a stage from being launched."""
    yield from launch.problems()
    if launch.sharded and getattr(settings, "eval_steps", None) is not None:
        what = "cuts the weights into parts, with which dev checks aren't supported"
        hint = "use ddp or zero2, or of an SFT stage leave 'eval_steps' out"
        yield Problem("", what, hint, at=("config",))
