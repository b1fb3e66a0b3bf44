"""The comparison of what a recipe trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field

from ..contract import StageSettings


class CompareSettings(StageSettings):
    """Compares candidates: metrics, training cost, differences with intervals and tests."""

    kind: Literal["compare"] = "compare"
    split: Literal["test", "dev", "annotated"] = Field(
        "test", title="Which documents: a set of the data; the same as were evaluated"
    )
    against: list[str] = Field(
        default_factory=list,
        title="Candidates that all others are compared with, besides their parents; absent = the first",
    )
    resamples: int = Field(
        2000, title="Random draws of the bootstrap and the randomisation test", ge=100, le=1_000_000
    )

    fan_in: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {
        "on": "split",
    }
    work: ClassVar[str] = "scl_rl.stages.compare.work:compare"
    cost: ClassVar[str | None] = None
    outputs: ClassVar[Mapping[str, str]] = {"comparison": "comparison.json"}
    starts_from: ClassVar[tuple[str, ...]] = ("evaluation",)

    def uses(self) -> set[str]:
        """The documents that it is about."""
        return {self.split}

    def also_needs(self) -> list[str]:
        """The stages named under ``against``: that there are such is known before anything runs."""
        return self.against

    def incompatible_with(self, parents: Sequence[StageSettings]) -> str:
        """Evaluations on other documents than its own."""
        other = {
            str(split) for parent in parents if (split := getattr(parent, "split", self.split)) != self.split
        }
        if not other:
            return ""
        others = " and ".join(sorted(other))
        return f"compares on {self.split} documents what was evaluated on {others} documents"

    def dry_run_settings(self, tokens: int) -> Self:
        """With as few samples as may be."""
        return self.model_copy(update={"resamples": 100})
