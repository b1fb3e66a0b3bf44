"""What the settings of all training stages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from ...corpus.records import hashed_part
from ...corpus.types import Document
from ..contract import FILLED, MODEL, StageSettings
from .launch import LaunchSettings


class TrainingSettings(StageSettings):
    """A stage that trains a model with one of TRL's trainers."""

    trainer: dict[str, Any] = Field(default_factory=dict, title="Fields of the TRL trainer's config")
    peft: dict[str, Any] | None = Field(
        None, title="Fields of peft's LoraConfig; absent = all weights, or the parent's adapter"
    )
    freeze: list[str] = Field(
        default_factory=list,
        title="Parameters to freeze: regular expressions for their names, such as embed_tokens",
    )

    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, title="Train once with each of these seeds instead of the recipe's", min_length=1
    )

    launch: LaunchSettings | None = Field(
        None, title="Train in several processes, started by `accelerate launch`; absent = in one"
    )

    own_process: ClassVar[bool] = True
    memory_hint: ClassVar[str] = (
        "halve trainer.per_device_train_batch_size and double trainer.gradient_accumulation_steps, "
        "set trainer.gradient_checkpointing: true, or train an adapter with 'peft'"
    )
    outputs: ClassVar[Mapping[str, str]] = {MODEL: "model"}
    taken_along: ClassVar[tuple[str, ...]] = ("dev_checks.json", "monitor.jsonl")
    starts_from: ClassVar[tuple[str, ...]] = (MODEL,)

    def own_seeds(self) -> list[int]:
        """As in the recipe."""
        return self.seeds or []

    def adapter(self) -> dict[str, Any] | None:
        """As under ``peft``."""
        return self.peft

    @field_validator("seeds")
    @classmethod
    def _different(cls, value: list[int] | None) -> list[int] | None:
        if value and len(set(value)) < len(value):
            raise ValueError("a seed stands there twice")
        return value

    @field_validator("freeze")
    @classmethod
    def _expressions(cls, value: list[str]) -> list[str]:
        for expression in value:
            try:
                re.compile(expression)
            except re.error as error:
                raise ValueError(f"'{expression}' is no regular expression: {error}") from None
        return value


@dataclass(frozen=True)
class EvalSchedule:
    """How a model is evaluated on dev documents while it is trained.

    Attributes:
        every: steps between evaluations.
        documents: dev documents of each.
        max_new_tokens: maximum tokens per answer.
        keep: the model to save, the best or the last; None = neither, the stage saves its own.
        min_gain: joint F1 that the best must gain on the parent to be saved in its place.
    """

    every: int
    documents: int
    max_new_tokens: int
    keep: Literal["best", "last"] | None = None
    min_gain: float = 0.0


class CodeOnlyMixin(StageSettings):
    """A stage that takes code-only documents, or a part of them that others leave alone."""

    code_only_part: tuple[float, float] = Field(
        (0.0, 1.0),
        title="Part of the code-only documents that it may take, by a hash of their ids: [0, 0.5] and "
        "[0.5, 1] are halves without a document in common",
    )

    @field_validator("code_only_part")
    @classmethod
    def _a_part(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 1:
            raise ValueError("should be two numbers from 0 to 1, the smaller one first")
        return value

    def part_of(self, documents: Iterable[Document]) -> list[Document]:
        """Those of some code-only documents that it may take."""
        return hashed_part(documents, *self.code_only_part)


class PromptsMixin(CodeOnlyMixin):
    """A stage that has a model answer documents of several sets."""

    max_documents: int | None = Field(
        None, title="Maximum annotated documents (or windows), sampled; absent = all, 0 = none", ge=0
    )
    max_code_only: int = Field(0, title="Maximum code-only documents, sampled and mixed in", ge=0)
    max_filled: int = Field(
        0, title="Maximum documents whose evidence the parent 'fill' stage filled in, sampled", ge=0
    )

    starts_from: ClassVar[tuple[str, ...]] = (MODEL, FILLED)

    def prompt_sets(self) -> set[str]:
        """The sets of the data that it takes documents from."""
        sets = {"annotated"} if self.max_documents != 0 else set()
        return sets | ({"code_only"} if self.max_code_only else set())

    def without_filled(self) -> dict[str, Any]:
        """For a dry run, what to change: what a fill stage makes of a few documents may be nothing."""
        if not self.max_filled:
            return {}
        return {"max_filled": 0, "max_documents": self.max_documents or None}

    def incompatible_with(self, parents: Sequence[StageSettings]) -> str:
        """Filled-in documents where no stage fills in, or left out where one does; one without a model."""
        fills = [FILLED in parent.outputs for parent in parents]
        if self.max_filled and not all(fills):
            return "'max_filled' is of what a stage of kind fill makes: name one after 'from'"
        if any(fills) and not self.max_filled:
            return "starts from a stage of kind fill, whose documents are left out: set 'max_filled'"
        if any(fill and parent.from_ is None for fill, parent in zip(fills, parents, strict=True)):
            return "starts from a fill stage that has no model before it: name the model's after its 'from'"
        return ""


class SharedPromptMixin(TrainingSettings):
    """A training stage whose batches have several answers to one prompt."""

    shared_prompt: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Read a prompt once for all its answers in a batch: auto = where it can be done and saves "
        "tokens, on = or fail, off = TRL's own way",
    )


CHECKS_AT_THE_ENDS = {"eval_steps": 1_000_000, "eval_documents": 2}  # before the first step, after the last


class DevEvalMixin(TrainingSettings):
    """A training stage that is checked on dev documents on its way, and keeps the best model that it was."""

    renamed: ClassVar[Mapping[str, str]] = {
        "check_every": "eval_steps",
        "dev_documents": "eval_documents",
        "keep": "load_best_model_at_end",
        "least_gain": "min_improvement",
    }

    eval_steps: int = Field(4, title="Optimizer steps between evaluations on dev documents", ge=1)
    eval_documents: int = Field(48, title="Dev documents per evaluation", ge=1)
    load_best_model_at_end: bool = Field(
        True, title="Save the model that is best on dev documents; false = the last one"
    )
    min_improvement: float = Field(
        0.0,
        title="Minimum gain in joint F1 on dev documents over the parent; with less, the parent is saved",
        ge=0,
        le=1,
    )

    def eval_schedule(self) -> EvalSchedule:
        """As the settings say."""
        limit = self.answer_limit() or 0
        keep: Literal["best", "last"] = "best" if self.load_best_model_at_end else "last"
        return EvalSchedule(self.eval_steps, self.eval_documents, limit, keep, self.min_improvement)
