"""``model:`` of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelSettings(BaseModel):
    """Which model the recipe starts from and how it is loaded."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(title="Built-in name, hub id, local folder or GGUF file", min_length=1)
    dtype: Literal["float32", "bfloat16"] = Field("bfloat16", title="Number format of the frozen weights")
    revision: str | None = Field(None, title="Hub revision")
