"""What a recipe says, once it has been checked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..answer.settings import PromptSettings
from ..corpus.sources import DataSource
from ..corpus.window_settings import WindowSettings
from ..errors import Problem, UserError, Where
from ..modeling.settings import ModelSettings
from ..modeling.shape import ModelShape
from ..stages.contract import StageSettings
from ..stages.shared.launch import Launch

MAX_NAME = 64  # of a stage: files are named after it and its parents
STAGE_NAME = f"[a-z0-9][a-z0-9_-]{{0,{MAX_NAME - 1}}}"


MAX_SEED = 2**32 - 1  # NumPy takes no more


class Head(BaseModel):
    """A recipe without its data and stages."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        title="Name of the run's folder; absent = the recipe's file name",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
    )
    seed: int = Field(0, title="Random seed for training", ge=0, le=MAX_SEED)
    model: ModelSettings = Field(title="The model to start from")
    prompt: PromptSettings = Field(
        default_factory=lambda: PromptSettings(), title="How a note becomes a prompt"
    )
    answer: Literal["lines", "json"] = Field("lines", title="Format of the model's answers")
    window: WindowSettings | None = Field(None, title="How long documents are split")


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Attributes:
        written: its name in the recipe, which several have where one fanned out.
        system: its name without its seed, which the runs of one system with several seeds share.
        parents: names of the stages it starts from.
        also_needs: names of further stages that must be done before it, whose figures it asks for.
        seed: of its own or of the stage it comes from; None = the recipe's.
        launch: how its processes are started, as read when the recipe was loaded; None = it runs in one.
    """

    name: str
    written: str
    system: str
    settings: StageSettings
    parents: tuple[str, ...] = ()
    also_needs: tuple[str, ...] = ()
    seed: int | None = None
    launch: Launch | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        """The stage's kind, as a recipe names it."""
        return str(getattr(self.settings, "kind", ""))

    @property
    def processes(self) -> int:
        """How many processes it runs in."""
        return 1 if self.launch is None else self.launch.processes


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        written: the stages as written, by name.
        stages: the stages as run, parents first: one for each parent where ``from`` names several.
        base: the folder that relative paths start from.
        source: the file, as the user named it.
        shape: the model's, as read when the recipe was loaded; None if the model is not on this machine.
        variables: the values that come from the environment, as written.
        problem: makes a problem of a place in it, from the way there, what is wrong and what to do.
    """

    head: Head
    data: DataSource
    written: dict[str, StageSettings]
    stages: tuple[Stage, ...]
    base: Path
    source: str
    problem: Callable[[tuple[str | int, ...], str, str], Problem] = field(repr=False, compare=False)
    shape: ModelShape | None = field(default=None, compare=False)
    variables: Mapping[Where, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The recipe's name, which is its run's folder."""
        return self.head.name

    @contextmanager
    def placing(self, *where: str | int) -> Iterator[None]:
        """Work on what stands at a place of the recipe: problems that only know the way from there get lines.

        Raises:
            UserError: the work did.
        """
        try:
            yield
        except UserError as error:
            raise UserError(
                *(
                    problem
                    if problem.where
                    else self.problem((*where, *problem.at), problem.what, problem.hint)
                    for problem in error.problems
                )
            ) from error

    def resolved(self) -> dict[str, Any]:
        """The whole recipe as plain values, with defaults and overrides; ``${env:NAME}`` stays as written."""
        whole = {
            **self.head.model_dump(mode="json", exclude_none=True),
            "data": self.data.model_dump(mode="json", exclude_none=True),
            "stages": {
                name: {"kind": dumped.pop("kind"), **dumped}
                for name, settings in self.written.items()
                for dumped in [settings.model_dump(mode="json", by_alias=True, exclude_none=True)]
            },
        }
        self.replace_variables(whole, lambda written, value: written)
        return whole

    def replace_variables(self, whole: dict[str, Any], by: Callable[[str, Any], str]) -> None:
        """Replace what comes from the environment in plain values of this recipe, all or some of them.

        Args:
            whole: top-level settings and sections by name; settings that are left out are none the worse.
            by: given a value as written and as it reads, what to put in its place.
        """
        for where, written in self.variables.items():
            _replace(whole, where, functools.partial(by, written))


def _replace(whole: Any, where: Where, by: Callable[[Any], str]) -> None:
    """Replace a value inside another. Where a name was written for a section, it is the section's name."""
    *path, last = where
    try:
        for part in path:
            whole = whole[part]
        if isinstance(whole[last], dict):
            whole, last = whole[last], "name"
        whole[last] = by(whole[last])
    except (KeyError, IndexError, TypeError):
        return  # a setting that was left out
