"""Predictions of a trained model for a set of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..contract import StageSettings

TRAINING, ICD_10_CM = "training", "icd-10-cm"


class ThresholdSettings(BaseModel):
    """The least confidence with which a code is kept: the one that is best on dev documents."""

    model_config = ConfigDict(extra="forbid")

    beta: float = Field(
        1.0,
        title="Best by joint F-beta: below 1 precision counts more, above 1 recall",
        gt=0,
        le=100,
        allow_inf_nan=False,
    )


class PredictSettings(StageSettings):
    """Greedy predictions; windows are merged back into documents."""

    kind: Literal["predict"] = "predict"
    split: Literal["test", "dev", "annotated"] = Field("test", title="Which documents: a set of the data")
    task: Literal["code", "cite"] = Field(
        "code",
        title="What the model is to find: codes with their evidence, or the evidence of the documents' "
        "own codes",
    )
    max_new_tokens: int = Field(256, title="Maximum tokens per answer", ge=1)
    batch_size: int = Field(16, title="Prompts generated together", ge=1, le=1_000_000)
    overlap: int = Field(
        0,
        title="Tokens of a window, at most, that the next one repeats, in whole sentences: evidence at a cut "
        "is seen whole",
        ge=0,
        le=1_000_000,
    )
    votes: Literal[1, 2] = Field(
        1, title="With 2, what is cited where windows overlap is kept only if both of them cite it"
    )
    decoding: Literal["free", "constrained"] = Field(
        "free", title="With constrained, every quote is taken from the note and every code from 'codes'"
    )
    codes: str = Field(
        TRAINING,
        title="Codes for constrained decoding: training (those of the training sets), icd-10-cm, or a file",
        min_length=1,
    )
    threshold: ThresholdSettings | None = Field(
        None,
        title="Leave out codes whose confidence is below what is best on dev documents; absent = keep all",
    )

    own_process: ClassVar[bool] = True
    instead_of_files: ClassVar[tuple[str, ...]] = (TRAINING, ICD_10_CM)
    renamed: ClassVar[Mapping[str, str]] = {
        "on": "split",
    }
    work: ClassVar[str] = "scl_rl.stages.predict.work:predict"
    cost: ClassVar[str | None] = "scl_rl.stages.predict.cost:predict_cost"
    outputs: ClassVar[Mapping[str, str]] = {
        "predictions": "predictions.jsonl",
        "dev": "dev_predictions.jsonl",
    }
    optional_outputs: ClassVar[tuple[str, ...]] = ("dev",)
    starts_from: ClassVar[tuple[str, ...]] = ("model",)

    @model_validator(mode="after")
    def _settings_are_used(self) -> PredictSettings:
        if self.codes != TRAINING and self.decoding == "free":
            raise ValueError("codes: only decoding: constrained is held to them")
        if self.votes > 1 and not self.overlap:
            raise ValueError("votes: only windows that overlap can agree: set overlap")
        if self.task == "cite" and (self.threshold or self.decoding == "constrained"):
            raise ValueError("task: cite is held to the documents' own codes: remove decoding and threshold")
        return self

    def answer_limit(self) -> int | None:
        """Of every answer."""
        return self.max_new_tokens

    def uses(self) -> set[str]:
        """The documents that it is about, and those that its threshold is chosen on."""
        return {self.split} | ({"dev"} if self.threshold else set())

    def files(self) -> dict[str, str]:
        """The codes, unless they are a list that we have."""
        return {} if self.codes in self.instead_of_files else {"codes": self.codes}
