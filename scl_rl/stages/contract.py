"""The contract of a stage kind: its settings, what its work is given, what it leaves.

A kind is a class derived from :class:`StageSettings`, named in the entry-point group ``scl_rl.stages``. The
class is light: it names its work, its cost and its checks by dotted path; they are imported when needed.
What the rest of the project knows of a kind stands in this module.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ..answer.settings import PromptSettings
from ..corpus.window_settings import WindowSettings
from ..errors import UserError
from ..modeling.settings import ModelSettings
from ..reporter import PRINTER, Reporter

CHECKPOINTS = "checkpoints"  # in a stage's folder until it is done: what only an interrupted stage needs
MODEL = "model"  # the output of a stage that trains: a folder
FILLED = "filled"  # documents whose evidence a stage filled in
FILLED_BY = "filled_by"  # beside the mentions of an annotation: by what


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
    """A finished stage: where its outputs are and what it reported.

    Attributes:
        outputs: name → file or folder in the stage's folder, as its kind declares them.
        system: its name without its seed.
    """

    name: str
    system: str
    kind: str
    folder: Path
    outputs: Mapping[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    minutes: float = 0.0
    parents: tuple[StageResult, ...] = ()
    seed: int | None = None

    def lineage(self) -> Iterator[StageResult]:
        """This stage and every stage it descends from, each once, parents first."""
        seen: set[int] = set()
        stack: list[tuple[StageResult, bool]] = [(self, False)]
        while stack:
            stage, parents_done = stack.pop()
            if parents_done:
                yield stage
            elif id(stage) not in seen:
                seen.add(id(stage))
                stack.append((stage, True))
                stack += [(parent, False) for parent in reversed(stage.parents)]

    def output(self, name: str) -> Path:
        """The file or folder that the stage declares under this name.

        Raises:
            UserError: its kind declares no such output, or it is gone.
        """
        if name not in self.outputs:
            raise UserError(f"stage '{self.name}': a stage of kind {self.kind} has no output '{name}'")
        path = self.folder / self.outputs[name]
        if not path.exists():
            raise UserError(
                f"stage '{self.name}': its output is gone: {path} (run it again: --force {self.name})"
            )
        return path

    @property
    def model(self) -> Path | None:
        """The folder of the model that this stage trained, or of the nearest one before it."""
        stage = self
        while MODEL not in stage.outputs:
            if not stage.parents:
                return None
            stage = stage.parents[0]
        return stage.output(MODEL)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled flat: with each stage inside the next, long chains go beyond Python's recursion limit."""
        line = list(self.lineage())
        number = {id(stage): i for i, stage in enumerate(line)}
        return _from_line, (
            [
                {**vars(stage), "parents": tuple(number[id(parent)] for parent in stage.parents)}
                for stage in line
            ],
        )


def _from_line(line: list[dict[str, Any]]) -> StageResult:
    """The last of some stages, whose ``parents`` are numbers of stages before it."""
    made: list[StageResult] = []
    for values in line:
        made.append(StageResult(**{**values, "parents": tuple(made[i] for i in values["parents"])}))
    return made[-1]


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may use. ``folder`` is the stage's own; it appears as a whole when the work is done.

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
    also_needs: tuple[StageResult, ...] = ()
    reporter: Reporter = PRINTER
    first_folder: Path | None = None

    def say(self, line: str) -> None:
        """Something happened."""
        self.reporter.say(line)

    def progress(self, line: str) -> None:
        """So far is the work."""
        self.reporter.progress(line)

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints, to which all processes of the stage write."""
        return (self.first_folder or self.folder) / CHECKPOINTS

    @property
    def parent(self) -> StageResult:
        """The stage that this one starts from, of a kind that needs exactly one."""
        return self.parents[0]

    @property
    def model_before(self) -> Path | None:
        """The folder of the model that the stage starts from: the nearest one before it, if any."""
        return self.parent.model if self.parents else None

    @property
    def injected(self) -> dict[str, Path | None]:
        """What a reward may take by name; see :data:`scl_rl.rewards_api.protocol.INJECTED`."""
        data = self.data
        files = {"spans": data.spans, "annotated": data.annotated, "code_only": data.code_only}
        return {**files, "model": self.model_before, "base": self.base}

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
    """The fields of every stage, and what a kind says of itself.

    A kind adds ``kind: Literal[...]``, its own fields, and the class attributes that differ from these.
    :mod:`scl_rl.stages.registry` refuses a kind that leaves out what has no value here.
    """

    model_config = ConfigDict(extra="forbid")

    work: ClassVar[str]
    """``package.module:function``, called with the settings and a :class:`StageContext`; it writes its
    outputs into ``context.folder`` and returns the figures to report."""

    cost: ClassVar[str | None]
    """``package.module:function`` that estimates the work before it is done; None: it loads no model."""

    checks: ClassVar[str | None] = None
    """``package.module:function`` that finds what the trainer would refuse; None: nothing to find."""

    outputs: ClassVar[Mapping[str, str]] = {}
    """Name → the file or folder that the work leaves in the stage's folder; other stages ask by name."""

    optional_outputs: ClassVar[tuple[str, ...]] = ()
    """Names of those outputs that the work leaves only with certain settings; the others have to be there."""

    taken_along: ClassVar[tuple[str, ...]] = ()
    """Files that an interrupted try leaves, and that each of several processes needs to resume."""

    starts_from: ClassVar[tuple[str, ...]] = ()
    """Names of outputs: it can start from any stage that has one of them."""

    needs_parent: ClassVar[bool] = True
    fan_in: ClassVar[bool] = False
    """It takes all its parents at once, instead of running once for each."""

    own_process: ClassVar[bool] = False
    """It runs apart from the runner, as what loads a model should."""

    memory_hint: ClassVar[str] = "lower the stage's batch_size"
    instead_of_files: ClassVar[tuple[str, ...]] = ()
    """Words that may stand in place of the path of one of its files."""

    trainer_config: ClassVar[str | None] = None
    """Whose fields ``trainer`` takes: "sft", "dpo" or "grpo"; None: it trains nothing."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Old name of a setting → its name; a recipe with the old one is told so."""

    answer_limit_setting: ClassVar[tuple[str, ...]] = ("max_new_tokens",)
    """The setting that ``answer_limit`` comes from: the way to it from the stage."""

    managed_fields: ClassVar[Mapping[str, str]] = {}
    """Fields of ``trainer`` that are set elsewhere, and where."""

    trainer_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults of fields of ``trainer``, where they are not TRL's."""

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

    def also_needs(self) -> list[str]:
        """Stages as written, other than its parents, whose results it asks for."""
        return []

    def incompatible_with(self, parents: Sequence[StageSettings]) -> str:
        """Why it can't start from these stages, though they have what it starts from; empty if it can."""
        return ""

    def trainer_values(self) -> dict[str, Any]:
        """Fields of the trainer's config that the stage's other settings decide."""
        return {}

    def answer_limit(self) -> int | None:
        """Maximum tokens of an answer that the stage lets a model write; None: it lets it write nothing."""
        return None

    def prompts_at_once(self, processes: int) -> int:
        """The prompts that it can't do without in one go; 0: any number will do."""
        return 0

    def matches_tokens(self) -> bool:
        """Whether it trains on as many tokens as the stages beside it used."""
        return False

    def adapter(self) -> dict[str, Any] | None:
        """Fields of peft's LoraConfig, if it puts an adapter on its model."""
        return None

    def rewards_used(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and arguments of each reward that the stage calls."""
        return []

    def dry_run_settings(self, tokens: int) -> Self:
        """The same with as little to do as shows whether it works, on a few documents and a random model.

        Args:
            tokens: at least as many as those documents and spans have.
        """
        return self

    def run(self, context: StageContext) -> dict[str, Any]:
        """Import the work and do it, in this process; what it returns are the figures to report."""
        return dict(part(self.work)(self, context))


def part(path: str) -> Callable[..., Any]:
    """The function that a kind names as ``package.module:function``, imported now."""
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
