"""What can be asked of the synthetic corpus."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_RECORDS = 10_000_000  # of a set
SIZES = {"annotated": "documents", "code_only": "code_only", "dev": "dev", "test": "test"}
"""Set of documents → setting that says how many it has."""


class SyntheticSettings(BaseModel):
    """How much to make, of what, and how hard."""

    model_config = ConfigDict(extra="forbid")

    codes: int = Field(
        40, title="Number of codes; beyond the built-in lexicon they come from the ICD-10-CM tables", ge=2
    )
    wordings: int | None = Field(None, title="Maximum wordings per code; absent = all", ge=4)
    documents: int = Field(64, title="Documents with codes and evidence", ge=0, le=MAX_RECORDS)
    spans: int | None = Field(
        None, title="Spans; absent = every wording, once or twice", ge=0, le=MAX_RECORDS
    )
    code_only: int = Field(200, title="Documents with codes and no evidence", ge=0, le=MAX_RECORDS)
    dev: int = Field(60, title="Documents for selecting checkpoints", ge=0, le=MAX_RECORDS)
    test: int = Field(120, title="Documents for the final evaluation", ge=0, le=MAX_RECORDS)
    seed: int = Field(0, title="Random seed of the corpus", ge=0)
    codes_per_document: tuple[int, int] = Field((1, 5), title="Minimum and maximum codes per document")
    characters: int = Field(
        400, title="Length of a typical document; filler is added up to it", ge=0, le=1_000_000
    )
    empty_rate: float = Field(0.04, title="Share of documents with no code", ge=0, le=1)
    trap_rate: float = Field(
        0.5, title="Probability of each of two traps with codes that don't apply", ge=0, le=1
    )
    same_word_rate: float = Field(
        0.15, title="Probability that a code's own words also appear in a trap", ge=0, le=1
    )
    repeat_rate: float = Field(0.15, title="Probability that a code is mentioned twice", ge=0, le=1)
    discontinuous_rate: float = Field(
        0.4, title="Probability that a mention that can be discontinuous is", ge=0, le=1
    )

    @field_validator("codes_per_document")
    @classmethod
    def _in_order(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= value[0] <= value[1]:
            raise ValueError("fewest must be at least 1 and at most the second number")
        return value
