"""``window:`` of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WindowSettings(BaseModel):
    """How documents longer than the model reads are cut."""

    model_config = ConfigDict(extra="forbid")

    tokens: int = Field(512, title="Most note tokens in one window", ge=16)
