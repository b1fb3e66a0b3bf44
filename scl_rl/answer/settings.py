"""``prompt:`` of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PromptSettings(BaseModel):
    """How a note becomes a prompt."""

    model_config = ConfigDict(extra="forbid")

    template: str = Field(
        "Note:\n{text}\n\nCodes:\n", title="Prompt; {text} stands for the note", pattern=r"\{text\}"
    )
    cite_template: str = Field(
        "Note:\n{text}\n\nEvidence for:\n{codes}\n\nCodes:\n",
        title="Prompt for the evidence of known codes; {text} stands for the note, {codes} for the codes",
        pattern=r"\{text\}[\s\S]*\{codes\}|\{codes\}[\s\S]*\{text\}",
    )
    cite_titles: bool = Field(False, title="Give the codes in that prompt with their ICD-10-CM titles")
    chat: bool = Field(False, title="Send the prompt through the model's chat template")
