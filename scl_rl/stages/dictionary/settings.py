"""The baseline that a model has to beat: wordings that are known or mined, looked up in the note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from ...mining.settings import MiningSettings
from ..contract import StageSettings


class DictionarySettings(StageSettings):
    """Predictions without a model: known wordings, longest match first.

    `dictionary` are the wordings of spans and annotated documents. `corpus` are those that `fill` finds for
    the codes of code-only documents; then mentions that the words around speak against are left out too.
    """

    kind: Literal["dictionary"] = "dictionary"
    how: tuple[Literal["dictionary", "corpus"], ...] = Field(
        ("dictionary",), title="Where wordings come from", min_length=1
    )
    mining: MiningSettings = Field(
        default_factory=MiningSettings, title="How 'corpus' associates words with codes"
    )
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
        return {self.split, *(("code_only",) if "corpus" in self.how else ())}
