"""Evidence for documents of which only the codes are known: looked up, or asked of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ..contract import StageSettings


class FillSettings(StageSettings):
    """Fills in the evidence of code-only documents, so that SFT can imitate what nobody annotated.

    A control for rewards that learn from such documents without filling anything in.
    """

    kind: Literal["fill"] = "fill"
    how: tuple[Literal["dictionary", "model"], ...] = Field(
        ("dictionary",),
        title="Where evidence comes from, in turn for the codes that still have none",
        min_length=1,
    )
    verifier: Literal["dictionary", "model", "none"] = Field(
        "model", title="What must agree that a quote of the model alone implies its code"
    )
    samples: int = Field(4, title="Answers sampled from the model for each document", ge=1)
    temperature: float = Field(1.0, title="Sampling temperature", gt=0)
    max_new_tokens: int = Field(256, title="Maximum tokens per answer", ge=1)
    batch_size: int = Field(16, title="Answers generated together", ge=1)
    max_documents: int | None = Field(None, title="Maximum documents, sampled; absent = all", ge=1)
    complete: bool = Field(True, title="Keep only documents in which every code got evidence")

    own_process: ClassVar[bool] = True
    work: ClassVar[str] = "scl_rl.stages.fill.work:fill"
    cost: ClassVar[str | None] = "scl_rl.stages.fill.cost:fill_cost"
    outputs: ClassVar[Mapping[str, str]] = {"filled": "documents.jsonl"}
    renamed: ClassVar[Mapping[str, str]] = {
        "documents": "max_documents",
    }
    starts_from: ClassVar[tuple[str, ...]] = ("model",)

    @model_validator(mode="after")
    def _each_once(self) -> FillSettings:
        if len(set(self.how)) < len(self.how):
            raise ValueError("how: each can stand there once")
        return self

    def answer_limit(self) -> int | None:
        """Of every answer."""
        return self.max_new_tokens

    def uses(self) -> set[str]:
        """What it fills in, and what it looks words up in."""
        return {"code_only", "spans"}
