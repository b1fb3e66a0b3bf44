"""What a command finds out about a recipe before a stage runs: once, for all who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..corpus.sources.sample import WHOLE, sample_files, trained_codes
from ..modeling.shape import ModelShape
from ..recipe.schema import Recipe
from ..stages.shared.cost import Lengths
from .data import check_data
from .lengths import TokenCounter, measure


@dataclass(frozen=True)
class Inspection:
    """A recipe together with its data and its model.

    Attributes:
        counts: set of the data → its records.
        lengths: set of the data → the lengths of its prompts and answers, in a sample of it.
        codes: those of the training sets, in the sample.
        exact: tokens are counted by the model's tokenizer.
        notes: what is odd about the recipe for this data, in words.
    """

    recipe: Recipe
    counts: Mapping[str, int]
    lengths: Mapping[str, Lengths]
    exact: bool
    codes: frozenset[str]
    notes: tuple[str, ...]

    @property
    def shape(self) -> ModelShape | None:
        """The model's, None if it is not on this machine."""
        return self.recipe.shape


def inspect(recipe: Recipe, made: Mapping[str, Path] | None = None, max_bytes: float = WHOLE) -> Inspection:
    """Sample the data, count its tokens, and check whether recipe and data fit together. Loads no model.

    Args:
        made: the files of the data step, if it is done and up to date; otherwise what it would make is
            inspected.
        max_bytes: up to this size a file is read as a whole.

    Raises:
        UserError: the data is malformed, or the recipe does not fit it.
    """
    with recipe.placing("data"):
        sample = recipe.data.sample(max_bytes) if made is None else sample_files(made, max_bytes)
    counter = TokenCounter(recipe.shape.tokenizer if recipe.shape else None)
    lengths = measure(recipe, sample, counter)
    notes = check_data(recipe, sample, lengths, counter.exact)
    return Inspection(
        recipe, dict(sample.counts), lengths, counter.exact, trained_codes(sample), tuple(notes)
    )
