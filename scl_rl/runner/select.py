"""Some stages of a recipe instead of all: ``--only``, ``--from`` and ``--until``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..errors import Problem, UserError
from ..recipe.schema import Recipe
from ..suggest import did_you_mean
from .folder import DATA


@dataclass(frozen=True)
class Selection:
    """The stages to look at; all if nothing is named. A stage that fanned out may be named as written.

    Attributes:
        force: stages that run although nothing changed.
        only: these alone.
        start: these and all that comes of them.
        until: these and all that they need.
    """

    force: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    until: tuple[str, ...] = ()

    def forced(self, recipe: Recipe) -> set[str]:
        """The stages to run in any case."""
        return _stages(self.force, recipe)

    def chosen(self, recipe: Recipe) -> set[str]:
        """The stages that may run, the data step among them.

        Raises:
            UserError: there are no such stages.
        """
        _check(recipe, {"force": self.force, "only": self.only, "from": self.start, "until": self.until})
        needs = {stage.name: {DATA, *stage.parents, *stage.also_needs} for stage in recipe.stages}
        chosen = {DATA, *needs}
        if self.only:
            chosen &= _stages(self.only, recipe)
        if self.start:
            chosen &= _with_followers(_stages(self.start, recipe), needs)
        if self.until:
            chosen &= _with_needs(_stages(self.until, recipe), needs)
        return chosen


def _check(recipe: Recipe, named: Mapping[str, Collection[str]]) -> None:
    known = {DATA, *recipe.written, *(stage.name for stage in recipe.stages)}
    wrong = [
        Problem(f"--{option} {name}", "there is no such stage", did_you_mean(name, known))
        for option, names in named.items()
        for name in names
        if name not in known
    ]
    if wrong:
        raise UserError(*wrong)


def _stages(names: Collection[str], recipe: Recipe) -> set[str]:
    """Names as written, or as run, as names of stages as run."""
    data = {DATA} & set(names)
    return data | {stage.name for stage in recipe.stages if {stage.name, stage.written} & set(names)}


def _with_followers(chosen: set[str], needs: Mapping[str, set[str]]) -> set[str]:
    for name, needed in needs.items():  # parents come first
        if needed & chosen:
            chosen.add(name)
    return chosen


def _with_needs(chosen: set[str], needs: Mapping[str, set[str]]) -> set[str]:
    for name, needed in reversed(list(needs.items())):
        if name in chosen:
            chosen |= needed
    return chosen
