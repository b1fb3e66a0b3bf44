"""How large a synthetic corpus is and how hard."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SyntheticSettings(BaseModel):
    """Sizes are numbers of documents; the same settings give the same corpus, byte for byte."""

    model_config = ConfigDict(extra="forbid")

    codes: int = Field(40, title="Codes in the corpus", ge=2)
    documents: int = Field(64, title="Annotated training documents", ge=1)
    spans: int | None = Field(None, title="Spans; absent = every wording of tiers A and B once", ge=1)
    code_only: int = Field(200, title="Training documents with codes and no evidence", ge=0)
    dev: int = Field(60, title="Documents to choose checkpoints on", ge=0)
    test: int = Field(120, title="Documents to report on", ge=1)
    codes_per_document: tuple[int, int] = Field((1, 4), title="Fewest and most codes of a document")
    empty_rate: float = Field(0.04, title="Share of documents without any code", ge=0, le=1)
    trap_rate: float = Field(0.5, title="Chance of a trap for each code of a document", ge=0, le=1)
    same_word_rate: float = Field(
        0.35, title="Share of the traps that use a word which also counts", ge=0, le=1
    )
    repeat_rate: float = Field(0.15, title="Chance that a code is mentioned twice", ge=0, le=1)
    split_rate: float = Field(
        0.12, title="Chance that a mention of several words is discontinuous", ge=0, le=1
    )
    seed: int = Field(0, title="Seed of the corpus", ge=0)
