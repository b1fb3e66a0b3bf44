"""What the settings of all training stages share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from ..contract import MODEL, StageSettings
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
