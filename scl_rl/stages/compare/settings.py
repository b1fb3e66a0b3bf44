"""The comparison of what a recipe trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field

from ..contract import StageSettings


class CompareSettings(StageSettings):
    """One row a candidate: its figures, and what training it cost; how they differ, and how surely."""

    kind: Literal["compare"] = "compare"
    on: Literal["test", "dev", "annotated"] = Field(
        "test", title="Which documents; the same as were evaluated"
    )
    against: list[str] = Field(
        default_factory=list,
        title="Candidates with which every other is compared, besides its parent; absent = the first",
    )
    resamples: int = Field(2000, title="Draws of the bootstrap and of the randomisation test", ge=100)

    gathers: ClassVar[bool] = True
    work: ClassVar[str] = "scl_rl.stages.compare.work:compare"
    cost: ClassVar[str | None] = None
    outputs: ClassVar[Mapping[str, str]] = {"comparison": "comparison.json"}
    starts_from: ClassVar[tuple[str, ...]] = ("evaluation",)

    def uses(self) -> set[str]:
        """The documents that it is about."""
        return {self.on}

    def beside(self) -> list[str]:
        """The stages named under ``against``: that there are such is known before anything runs."""
        return self.against

    def misfit(self, parents: Sequence[StageSettings]) -> str:
        """Evaluations on other documents than its own."""
        other = {str(on) for parent in parents if (on := getattr(parent, "on", self.on)) != self.on}
        if not other:
            return ""
        return (
            f"compares on {self.on} documents what was evaluated on {' and '.join(sorted(other))} documents"
        )

    def rehearsed(self, tokens: int) -> Self:
        """With as few samples as may be."""
        return self.model_copy(update={"resamples": 100})
