"""What every stage kind has in common: its settings, what it is given, what it gives back.

A stage module defines a settings class (light: no torch at import time) with a ``run`` method that
imports what it needs. The runner calls ``settings.run(context)`` and never looks inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ..errors import UserError

CHECKPOINTS = "checkpoints"  # in a stage's folder until it is done: what only an interrupted stage needs
TRAINED_KINDS = ("sft", "dpo", "grpo")  # the stages that leave a model


class ModelSettings(BaseModel):
    """Which model the recipe starts from and how it is loaded."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(title="Built-in name, hub id, local folder or GGUF file", min_length=1)
    dtype: Literal["float32", "bfloat16"] = Field("bfloat16", title="Number format of the frozen weights")
    revision: str | None = Field(None, title="Hub revision")


class PromptSettings(BaseModel):
    """How a note becomes a prompt."""

    model_config = ConfigDict(extra="forbid")

    template: str = Field(
        "Note:\n{text}\n\nCodes:\n", title="Prompt; {text} stands for the note", pattern=r"\{text\}"
    )
    chat: bool = Field(False, title="Send the prompt through the model's chat template")


class WindowSettings(BaseModel):
    """How documents longer than the model reads are cut."""

    model_config = ConfigDict(extra="forbid")

    tokens: int = Field(512, title="Most note tokens in one window", ge=16)


@dataclass(frozen=True)
class DataFiles:
    """The five sets of a run as JSONL files; a set that the source does not have is None."""

    annotated: Path | None = None
    spans: Path | None = None
    code_only: Path | None = None
    dev: Path | None = None
    test: Path | None = None


@dataclass(frozen=True)
class StageResult:
    """A finished stage: where its outputs lie and what it reported."""

    name: str
    kind: str
    folder: Path
    figures: dict[str, Any] = field(default_factory=dict)
    minutes: float = 0.0
    parents: tuple[StageResult, ...] = ()
    seed: int | None = None

    def lineage(self) -> Iterator[StageResult]:
        """This stage and every stage it descends from, parents first."""
        for parent in self.parents:
            yield from parent.lineage()
        yield self

    @property
    def model(self) -> Path | None:
        """The folder of the model that this stage trained, or that what it made comes from."""
        if self.kind in TRAINED_KINDS:
            return self.folder / "model"
        return self.parents[0].model if self.parents else None


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may use. ``folder`` is the stage's own; it appears as a whole when run() returns.

    ``say`` takes a line about something that happened, ``progress`` one that takes the place of the last.
    Where several processes train a stage, ``folder`` is the first one's; the others have each a folder of
    their own, which is thrown away, and ``first_folder`` is the first one's.
    """

    name: str
    folder: Path
    base: Path
    seed: int
    model: ModelSettings
    prompt: PromptSettings
    answer: Literal["lines", "json"]
    window: WindowSettings | None
    data: DataFiles
    parents: tuple[StageResult, ...]
    beside: tuple[StageResult, ...] = ()
    say: Callable[[str], None] = print
    progress: Callable[[str], None] = print
    first_folder: Path | None = None

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints, to which all processes of the stage write."""
        return (self.first_folder or self.folder) / CHECKPOINTS

    @property
    def model_before(self) -> Path | None:
        """The folder of the model that the stage starts from: the nearest one before it, if any."""
        return self.parents[0].model if self.parents else None

    @property
    def offered(self) -> dict[str, Path | None]:
        """What a reward may ask for by name; see :mod:`scl_rl.plugins.supply`."""
        return {"spans": self.data.spans, "model": self.model_before, "base": self.base}

    def needed(self, name: str) -> Path:
        """The file of a set of the data, a field of :class:`DataFiles`.

        Raises:
            UserError: the data source has no such set.
        """
        path: Path | None = getattr(self.data, name)
        if path is None:
            what = "spans" if name == "spans" else f"{name} documents"
            raise UserError(f"stage '{self.name}': the data source has no {what}")
        return path


class StageSettings(BaseModel):
    """The fields of every stage. Subclasses add ``kind: Literal[...]`` and their own."""

    model_config = ConfigDict(extra="forbid")

    own_process: ClassVar[bool] = False  # run apart from the runner, as what loads a model should be
    gathers: ClassVar[bool] = False  # takes all its parents at once, instead of running once for each
    memory_hint: ClassVar[str] = "lower the stage's batch_size"
    instead_of_files: ClassVar[tuple[str, ...]] = ()  # what may be named in place of one of its files
    needs_parent: ClassVar[bool] = True
    parent_kinds: ClassVar[tuple[str, ...]] = ()
    trainer_config: ClassVar[str | None] = None  # whose fields `trainer` takes: "sft", "dpo" or "grpo"
    managed_fields: ClassVar[dict[str, str]] = {}  # fields of `trainer` set elsewhere, and where
    trainer_defaults: ClassVar[dict[str, Any]] = {}  # of fields of `trainer`, other than TRL's

    from_: str | list[str] | None = Field(
        None, alias="from", title="The stage, or stages, this one starts from"
    )

    def uses(self) -> set[str]:
        """The sets of the data that the stage can't do without: names of :class:`DataFiles`' fields."""
        return set()

    def files(self) -> dict[str, str]:
        """The files that the stage reads besides the data: setting → path as written."""
        return {}

    def own_seeds(self) -> list[int]:
        """The seeds with each of which the stage is run; none = once, with its parent's or the recipe's."""
        return []

    def beside(self) -> list[str]:
        """Stages as written, other than its parents, whose results it asks for."""
        return []

    def misfit(self, parents: Sequence[StageSettings]) -> str:
        """Why it can't start from these stages, though their kinds are right; empty if it can."""
        return ""

    def rehearsed(self, tokens: int) -> Self:
        """The same with as little to do as shows whether it works, on a few documents and a random model.

        Args:
            tokens: at least as many as those documents and spans have.
        """
        return self

    def run(self, context: StageContext) -> dict[str, Any]:
        """Do the work, write outputs into ``context.folder`` and return the figures to report."""
        raise NotImplementedError
