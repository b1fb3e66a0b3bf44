"""The baseline that a model has to beat: what annotators marked, looked up in the note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from ..contract import StageSettings


class DictionarySettings(StageSettings):
    """Predictions without a model: the wordings of spans and annotated documents, longest match first."""

    kind: Literal["dictionary"] = "dictionary"
    split: Literal["test", "dev", "annotated"] = Field("test", title="Which documents: a set of the data")

    renamed: ClassVar[Mapping[str, str]] = {
        "on": "split",
    }
    work: ClassVar[str] = "scl_rl.stages.dictionary.work:look_up"
    cost: ClassVar[str | None] = None
    outputs: ClassVar[Mapping[str, str]] = {"predictions": "predictions.jsonl"}
    needs_parent: ClassVar[bool] = False

    def uses(self) -> set[str]:
        """The documents that it is about; spans and annotated documents it takes as they come."""
        return {self.split}
