"""The comparison of what a recipe trained, and what it says in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from ..corpus.jsonl import read_documents, read_predictions
from ..corpus.types import Document
from ..errors import UserError
from ..suggest import did_you_mean
from .base import TRAINED_KINDS, StageContext, StageResult, StageSettings


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
    parent_kinds: ClassVar[tuple[str, ...]] = ("evaluate",)

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

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write ``comparison.json`` and report it.

        Raises:
            UserError: ``against`` names no candidate.
        """
        from ..metrics.compare import comparison
        from ..metrics.files import training_counts

        documents = read_documents(context.needed(self.on))
        candidates = _told_apart(
            [_candidate(result, documents) for result in context.parents], context.parents
        )
        known = {candidate.system for candidate in candidates}
        for name in self.against:
            if name not in known:
                hint = did_you_mean(name, known, "candidates")
                raise UserError(f"stage '{context.name}': against: there is no '{name}' ({hint})")
        data = context.data
        trained_on = [path for path in (data.annotated, data.spans, data.code_only) if path is not None]
        figures = comparison(
            candidates,
            against=self.against,
            training=training_counts(trained_on),
            resamples=self.resamples,
            seed=context.seed,
        )
        path = context.folder / "comparison.json"
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        return figures


def _candidate(evaluation: StageResult, documents: list[Document]) -> Any:
    """An evaluation with the cost of the model behind it, all the stages it descends from included."""
    from ..metrics.candidate import Candidate
    from ..metrics.judged import judged

    predicted = evaluation.parents[0]
    line = list(predicted.lineage())
    trained = [stage for stage in line if stage.kind in TRAINED_KINDS]
    own = trained[-1] if trained else predicted
    predictions = read_predictions(predicted.folder / "predictions.jsonl", documents)
    return Candidate(
        name=own.name,
        base=_base(own),
        seed=own.seed,
        judged=list(judged(documents, predictions)),
        figures=evaluation.figures,
        parent=_base(trained[-2]) if len(trained) > 1 else None,
        kind=own.kind,
        tokens=sum(int(stage.figures.get("tokens", 0)) for stage in trained) if trained else None,
        minutes=sum(stage.minutes for stage in line if stage is not predicted) if trained else None,
    )


def _told_apart(candidates: Sequence[Any], evaluations: Sequence[StageResult]) -> list[Any]:
    """Where a model's predictions were made in several ways, those after the first are named after theirs."""
    found: dict[str, Any] = {}
    for candidate, evaluation in zip(candidates, evaluations, strict=True):
        own = candidate
        if first := found.get(candidate.name):
            way = evaluation.parents[0]
            own = replace(candidate, name=way.name, base=_base(way), parent=first.base)
        found[own.name] = own
    return list(found.values())


def _base(stage: StageResult) -> str:
    return stage.name if stage.seed is None else stage.name.removesuffix(f".seed{stage.seed}")
