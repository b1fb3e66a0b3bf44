"""A look at a recipe's data before anything is run: some records of each set, and how many there are."""

from __future__ import annotations

from pathlib import Path

from ..corpus.sources import SETS
from ..corpus.sources.sample import WHOLE, DataSample, sample_files
from ..recipe.schema import Recipe

Look = DataSample


def look_at(recipe: Recipe, made: Path | None = None, most: float = WHOLE) -> Look:
    """Look at the data of a recipe: at what the data step made, or at what it would make.

    Args:
        made: the folder of the data step, if it is done and up to date.
        most: bytes up to which a file is read as a whole.

    Raises:
        UserError: a file is malformed, or has fewer documents than asked for.
    """
    if made is None:
        return recipe.data.sample(most)
    return sample_files({name: path for name in SETS if (path := made / f"{name}.jsonl").exists()}, most)
