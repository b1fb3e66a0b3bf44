"""What can be asked of an evidence miner."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MiningSettings(BaseModel):
    """How words are associated with codes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_words: int = Field(6, title="Longest run of words that can be evidence", ge=1, le=16)
    min_count: int = Field(2, title="Fewest notes with the code that have the words", ge=1, le=255)
    min_association: float = Field(
        4.0, title="Least log-likelihood ratio (G²) of words and code", ge=0, allow_inf_nan=False
    )
    min_score: float = Field(
        0.2, title="Least share of the notes with the words that have the code, smoothed", ge=0, le=1
    )
    prior_weight: float | None = Field(
        None,
        title="Notes that the code's overall share counts for in that share; absent = the natural log of "
        "the number of notes",
        gt=0,
        le=10**6,
        allow_inf_nan=False,
    )
    max_runs: int = Field(20_000, title="Most runs of words kept for a code, the best ones", ge=1)
