"""Evidence for documents of which only the codes are known: looked up, mined, or asked of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ...mining.settings import MiningSettings
from ..contract import FILLED, StageSettings
from ..shared.settings import CodeOnlyMixin


class FillSettings(CodeOnlyMixin):
    """Fills in the evidence of code-only documents, so that SFT can imitate what nobody annotated.

    `dictionary` looks up the wordings of spans and annotated documents. `corpus` finds the words that
    documents with a code have in common and others have not. `model` samples answers of the parent's model,
    which is given the codes if it learned to find evidence for given ones (`cite`).
    """

    kind: Literal["fill"] = "fill"
    how: tuple[Literal["dictionary", "corpus", "model"], ...] = Field(
        ("dictionary",),
        title="Where evidence comes from, in turn for the codes that still have none",
        min_length=1,
    )
    mining: MiningSettings = Field(
        default_factory=MiningSettings, title="How 'corpus' associates words with codes"
    )
    verifier: Literal["dictionary", "corpus", "model", "none"] = Field(
        "model", title="What must agree that a quote of the model alone implies its code"
    )
    samples: int = Field(4, title="Answers sampled from the model for each document", ge=1, le=1_000_000)
    temperature: float = Field(1.0, title="Sampling temperature", gt=0)
    max_new_tokens: int = Field(256, title="Maximum tokens per answer", ge=1)
    batch_size: int = Field(16, title="Answers generated together", ge=1, le=1_000_000)
    max_documents: int | None = Field(None, title="Maximum documents, sampled; absent = all", ge=1)
    complete: bool = Field(True, title="Keep only documents in which every code got evidence")

    own_process: ClassVar[bool] = True
    work: ClassVar[str] = "scl_rl.stages.fill.work:fill"
    cost: ClassVar[str | None] = "scl_rl.stages.fill.cost:fill_cost"
    outputs: ClassVar[Mapping[str, str]] = {FILLED: "documents.jsonl"}
    renamed: ClassVar[Mapping[str, str]] = {
        "documents": "max_documents",
    }
    starts_from: ClassVar[tuple[str, ...]] = ("model",)
    needs_parent: ClassVar[bool] = False

    @model_validator(mode="after")
    def _each_once(self) -> FillSettings:
        if len(set(self.how)) < len(self.how):
            raise ValueError("how: each can stand there once")
        return self

    def incompatible_with(self, parents: Sequence[StageSettings]) -> str:
        """A model can only be asked where there is one."""
        return "" if parents or "model" not in self.how else "asks a model: name the stage after 'from'"

    def answer_limit(self) -> int | None:
        """Of every answer."""
        return self.max_new_tokens if "model" in self.how else None

    def uses(self) -> set[str]:
        """What it fills in, and what the model's verifier knows codes from."""
        asks = "model" in self.how and self.verifier == "model"
        return {"code_only", "spans"} if asks else {"code_only"}

    def dry_run_settings(self, tokens: int) -> Self:
        """A few documents have few words in common: any will do."""
        loose = self.mining.model_copy(update={"min_count": 1, "min_association": 0.0, "min_score": 0.0})
        return self.model_copy(update={"mining": loose})
