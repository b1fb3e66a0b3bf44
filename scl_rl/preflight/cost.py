"""What each stage of a recipe will take: every kind is asked for its own estimate, parents first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..modeling.shape import ModelShape
from ..recipe.schema import Recipe, Stage
from ..stages.contract import part
from ..stages.shared.config import Machine
from ..stages.shared.cost import Cost, Facts, Lengths, Parent, matched_tokens


@dataclass
class Estimator:
    """Estimates the stages of a recipe.

    Attributes:
        lengths: set of the data → the lengths of its prompts and answers.
        shape: the model's, None if unknown.
        done: figures of the stages that need not run again.
        codes: those of the training sets.
        costs: stage → what it takes, for those estimated so far.
    """

    recipe: Recipe
    lengths: Mapping[str, Lengths]
    shape: ModelShape | None
    done: Mapping[str, Mapping[str, Any]]
    machine: Machine = field(default_factory=Machine.guessed)
    codes: Collection[str] = ()
    costs: dict[str, Cost] = field(default_factory=dict)

    def run(self) -> dict[str, Cost]:
        """Stage → what it takes, for every stage."""
        for stage in self.recipe.stages:
            self._estimate(stage)
        return self.costs

    def _estimate(self, stage: Stage) -> Cost:
        if stage.name not in self.costs:
            path = stage.settings.cost
            cost = Cost() if path is None else part(path)(stage.settings, self._facts(stage))
            self.costs[stage.name] = cost
        return self.costs[stage.name]

    def _facts(self, stage: Stage) -> Facts:
        return Facts(
            lengths=self.lengths,
            shape=self.shape,
            dtype=self.recipe.head.model.dtype,
            machine=self.machine,
            processes=stage.processes,
            sharded=stage.launch is not None and stage.launch.sharded,
            parents=[self._parent(name) for name in stage.parents],
            matched=self._matched(stage),
            peft=self._peft(stage),
            codes=self.codes,
        )

    def _parent(self, name: str) -> Parent:
        stage = self._stages[name]
        return Parent(name, stage.settings, self._estimate(stage), self.done.get(name))

    @cached_property
    def _stages(self) -> dict[str, Stage]:
        return {stage.name: stage for stage in self.recipe.stages}

    def _matched(self, stage: Stage) -> int | None:
        """The tokens that count of the stages beside it, and of those between them and a common model."""
        if not stage.settings.matches_tokens():
            return None
        spent = self._line(stage.also_needs) - self._line([stage.name])
        tokens = [self._tokens(name) for name in spent]
        return None if None in tokens else sum(number for number in tokens if number is not None)

    def _tokens(self, name: str) -> int | None:
        if (figures := self.done.get(name)) is not None:
            return matched_tokens(figures)
        return self._estimate(self._stages[name]).matched

    def _line(self, names: Iterable[str]) -> set[str]:
        """The stages and all that they descend from."""
        found: set[str] = set()
        left = list(names)
        while left:
            if (name := left.pop()) not in found:
                found.add(name)
                left += self._stages[name].parents
        return found

    def _peft(self, stage: Stage) -> Mapping[str, Any] | None:
        """Of the adapter that the stage's model has: its own, or the nearest one before it."""
        while (own := stage.settings.adapter()) is None and stage.parents:
            stage = self._stages[stage.parents[0]]
        return own


def disk_needed(costs: Sequence[Cost]) -> int:
    """Bytes of disk that the stages need, one after the other."""
    kept = most = 0
    for cost in costs:
        most = max(most, kept + cost.passing + cost.disk)
        kept += cost.disk
    return most
