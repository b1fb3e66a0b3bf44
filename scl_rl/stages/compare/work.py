"""The comparison of what a recipe trained, and what it says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...atomic import write_json
from ...corpus.jsonl import read_documents, read_predictions
from ...corpus.types import Document
from ...errors import UserError
from ...metrics.candidate import Candidate
from ...metrics.comparison import comparison
from ...metrics.comparison_files import training_counts
from ...metrics.judged import judged
from ...suggest import did_you_mean
from ..contract import MODEL, StageContext, StageResult
from .settings import CompareSettings


def compare(settings: CompareSettings, context: StageContext) -> dict[str, Any]:
    """Write ``comparison.json`` and report it.

    Raises:
        UserError: ``against`` names no candidate.
    """
    documents = read_documents(context.needed(settings.split))
    candidates = _disambiguated(
        [_candidate(result, documents) for result in context.parents], context.parents
    )
    known = {candidate.system for candidate in candidates}
    for name in settings.against:
        if name not in known:
            hint = did_you_mean(name, known, "candidates")
            raise UserError(f"stage '{context.name}': against: there is no '{name}' ({hint})")
    data = context.data
    trained_on = [path for path in (data.annotated, data.spans, data.code_only) if path is not None]
    figures = comparison(
        candidates,
        against=settings.against,
        training=training_counts(trained_on),
        resamples=settings.resamples,
        seed=context.seed,
    )
    write_json(context.folder / settings.outputs["comparison"], figures)
    return figures


def _candidate(evaluation: StageResult, documents: list[Document]) -> Candidate:
    """An evaluation with the cost of the model behind it, all the stages it descends from included."""
    predicted = evaluation.parents[0]
    line = list(predicted.lineage())
    trained = [stage for stage in line if MODEL in stage.outputs]
    own = trained[-1] if trained else predicted
    predictions = read_predictions(predicted.output("predictions"), documents)
    return Candidate(
        name=own.name,
        base=own.system,
        seed=own.seed,
        judged=list(judged(documents, predictions)),
        figures=evaluation.figures,
        parent=trained[-2].system if len(trained) > 1 else None,
        kind=own.kind,
        tokens=sum(int(stage.figures.get("tokens", 0)) for stage in trained) if trained else None,
        minutes=sum(stage.minutes for stage in line if stage is not predicted) if trained else None,
    )


def _disambiguated(candidates: Sequence[Candidate], evaluations: Sequence[StageResult]) -> list[Candidate]:
    """Where a model's predictions were made in several ways, those after the first are named after theirs."""
    found: dict[str, Candidate] = {}
    for candidate, evaluation in zip(candidates, evaluations, strict=True):
        own = candidate
        if first := found.get(candidate.name):
            way = evaluation.parents[0]
            own = replace(candidate, name=way.name, base=way.system, parent=first.base)
        found[own.name] = own
    return list(found.values())
