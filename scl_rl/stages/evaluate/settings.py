"""Figures of a predictions file against its gold documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from ..contract import StageSettings


class EvaluateSettings(StageSettings):
    """The metrics of ``scl-rl evaluate``, as a stage."""

    kind: Literal["evaluate"] = "evaluate"
    split: Literal["test", "dev", "annotated"] = Field(
        "test", title="Which documents: a set of the data; the same as was predicted"
    )

    renamed: ClassVar[Mapping[str, str]] = {
        "on": "split",
    }
    work: ClassVar[str] = "scl_rl.stages.evaluate.work:evaluate"
    cost: ClassVar[str | None] = None
    outputs: ClassVar[Mapping[str, str]] = {"evaluation": "evaluation.json"}
    starts_from: ClassVar[tuple[str, ...]] = ("predictions",)

    def uses(self) -> set[str]:
        """The documents that it is about."""
        return {self.split}
