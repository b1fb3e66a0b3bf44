"""What a stage of a run is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..corpus.sources import SETS
from ..recipe.schema import Recipe
from ..stages.contract import DataFiles, StageContext, StageResult
from .plan import stage_folder
from .select import DATA


def context_of(
    recipe: Recipe,
    run: Path,
    name: str,
    folder: Path,
    say: Callable[[str], None],
    parents: tuple[StageResult, ...] = (),
    beside: tuple[StageResult, ...] = (),
    seed: int | None = None,
) -> StageContext:
    """The context of a stage that works in ``folder``; the data step of the run is done."""
    made = {name: stage_folder(run, DATA) / f"{name}.jsonl" for name in SETS}
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
        data=DataFiles(**{name: path for name, path in made.items() if path.exists()}),
        parents=parents,
        beside=beside,
        say=say,
    )
