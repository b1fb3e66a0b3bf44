"""``prompt:`` of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PromptSettings(BaseModel):
    """How a note becomes a prompt."""

    model_config = ConfigDict(extra="forbid")

    template: str = Field(
        "Note:\n{text}\n\nCodes:\n", title="Prompt; {text} stands for the note", pattern=r"\{text\}"
    )
    chat: bool = Field(False, title="Send the prompt through the model's chat template")
