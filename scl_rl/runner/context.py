"""What a stage of a run is given. A context is made here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from ..recipe.schema import Recipe
from ..reporter import Reporter
from ..stages.contract import DataFiles, StageContext, StageResult
from .folder import RunFolder


def context_of(
    recipe: Recipe,
    run: RunFolder,
    name: str,
    folder: Path,
    reporter: Reporter,
    parents: tuple[StageResult, ...] = (),
    also_needs: tuple[StageResult, ...] = (),
    seed: int | None = None,
) -> StageContext:
    """The context of a stage that works in ``folder``; the data step of the run is done."""
    head = recipe.head
    return StageContext(
        name=name,
        folder=folder,
        base=recipe.base,
        seed=head.seed if seed is None else seed,
        model=head.model,
        prompt=head.prompt,
        answer=head.answer,
        window=head.window,
        data=DataFiles(**run.data()),
        parents=parents,
        also_needs=also_needs,
        reporter=reporter,
    )
