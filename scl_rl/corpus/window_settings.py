"""``window:`` of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WindowSettings(BaseModel):
    """How documents that are too long for the model are split."""

    model_config = ConfigDict(extra="forbid")

    tokens: int = Field(512, title="Maximum note tokens per window", ge=16)
