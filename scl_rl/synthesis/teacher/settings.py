"""What can be asked of a teacher."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

Style = Literal["formal", "telegraphic", "lay", "abbreviated"]
STYLES: tuple[Style, ...] = get_args(Style)
_URL = re.compile(r"https?://[^\s/@?#]+(?:/[^\s?#]*)?")


class TeacherSettings(BaseModel):
    """Who writes wordings, and how it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        title="The model: its name at the endpoint, or a Hub id, folder or GGUF file", min_length=1
    )
    url: str | None = Field(
        None,
        title="Base URL of an OpenAI-compatible endpoint, such as http://localhost:8000/v1; absent = the "
        "model is loaded here",
    )
    api_key_env: str | None = Field(
        None,
        title="Environment variable with the endpoint's key; the key itself is written nowhere",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    )
    styles: Annotated[tuple[Style, ...], Field(min_length=1)] = Field(STYLES, title="Styles to ask for")
    wordings: int = Field(5, title="Wordings to ask for, per code and style", ge=1, le=50)
    temperature: float = Field(0.7, title="Sampling temperature", gt=0, le=5)
    max_new_tokens: int = Field(200, title="Maximum tokens per answer", ge=1)
    requests_per_minute: float | None = Field(
        None, title="Maximum requests per minute; absent = no limit", gt=0, le=100_000
    )
    concurrency: int = Field(4, title="Requests to an endpoint at the same time", ge=1, le=256)
    timeout: float = Field(60.0, title="Seconds to wait for an answer", gt=0, le=86_400)
    max_retries: int = Field(5, title="Further tries of a request that failed", ge=0, le=100)
    batch_size: int = Field(8, title="Answers generated together, by a model that is loaded here", ge=1)
    cache: bool = Field(
        True, title="Keep answers in the user's cache: what was answered once is not asked again"
    )

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None and not _URL.fullmatch(url):
            raise ValueError("should be http://… or https://…, without user, password, ? and #")
        return None if url is None else url.rstrip("/")
