"""What each stage of a plan will take: examples, tokens, steps, memory and disk, about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..modeling import memory
from ..modeling.memory import Parts, Weights
from ..modeling.shape import ModelShape
from ..recipe.schema import Recipe, Stage
from ..stages.shared.checks import answer_limit, trainer_of
from .lengths import Lengths

_NOTHING = Lengths(0)
_SETS = {"documents": "annotated", "spans": "spans", "filled": "code_only", "answers": "annotated"}


@dataclass
class Cost:
    """What a stage takes. None = can't be said before the stages that it starts from have run.

    Attributes:
        examples: what it trains on or answers; repeated ones count again in SFT.
        tokens: read and written, in training and sampling.
        generated: those of them that the model writes.
        parts: what memory is for → bytes; empty where no model is loaded, or its size is unknown.
        memory: bytes at the peak.
        disk: bytes that stay.
        passing: bytes of disk that are free again when the stage is done.
        notes: what is to be said of it.
    """

    examples: int | None = None
    tokens: int | None = None
    generated: int | None = None
    steps: int | None = None
    parts: Parts = field(default_factory=dict)
    memory: float | None = None
    disk: int = 0
    passing: int = 0
    notes: list[str] = field(default_factory=list)


class Estimator:
    """Estimates the stages of a recipe one after the other, parents first.

    Args:
        lengths: set of the data → the lengths of its prompts and answers.
        shape: the model's, None if unknown.
        done: figures of the stages that need not run again.
        gpu: whether there is one: then activations are computed anew instead of kept.
    """

    def __init__(
        self,
        recipe: Recipe,
        lengths: Mapping[str, Lengths],
        shape: ModelShape | None,
        done: Mapping[str, Mapping[str, Any]],
        gpu: bool = False,
    ) -> None:
        self._recipe = recipe
        self._lengths = lengths
        self._shape = shape
        self._done = done
        self._gpu = gpu
        self._stages = {stage.name: stage for stage in recipe.stages}
        self.costs: dict[str, Cost] = {}

    def run(self) -> dict[str, Cost]:
        """Stage → what it takes, for every stage."""
        for stage in self._recipe.stages:
            self._estimate(stage)
        return self.costs

    def _estimate(self, stage: Stage) -> Cost:
        if stage.name not in self.costs:
            of_kind = getattr(self, f"_{stage.kind}", None)
            self.costs[stage.name] = of_kind(stage) if of_kind else Cost()
        return self.costs[stage.name]

    def _sft(self, stage: Stage) -> Cost:
        settings: Any = stage.settings
        trainer = trainer_of(settings, self._recipe.head)
        budget = settings.tokens or self._like(stage)
        if budget is None:
            cost = Cost(notes=[f"as much as {settings.like}: known once that has run"])
        else:
            cost = self._composed(settings.shares, budget)
            if cost.examples is not None:
                batch = self._batch(stage, trainer)
                cost.steps = math.ceil(cost.examples / batch)
        length = max((self._set(_SETS[name]).longest for name in settings.shares), default=0)
        answer = max((max(self._set(_SETS[name]).answers, default=0) for name in settings.shares), default=0)
        self._trained(stage, cost, trainer["per_device_train_batch_size"], length, answer)
        return cost

    def _composed(self, shares: Mapping[str, float], budget: int) -> Cost:
        """The examples that a budget buys from each source."""
        whole, examples = sum(shares.values()), 0.0
        for name, share in shares.items():
            lengths = self._set(_SETS[name])
            answer = lengths.answer or self._set("annotated").answer
            if not lengths.number or not lengths.prompt:
                return Cost(tokens=budget, notes=[f"there are no {name} to train on"])
            examples += budget * share / whole / (lengths.prompt + answer)
        return Cost(round(examples), budget)

    def _like(self, stage: Stage) -> int | None:
        """The tokens of the stage that this one matches, and of those between it and their common model."""
        if getattr(stage.settings, "like_by", "") != "tokens":
            return None
        ours = set(self._line(stage))
        spent = [name for name in self._line(self._stages[stage.beside[0]]) if name not in ours]
        costs = [self._spent(name) for name in spent]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def _spent(self, name: str) -> int | None:
        if (figures := self._done.get(name)) is not None:
            return sum(int(figures.get(figure) or 0) for figure in ("tokens", "generated_tokens"))
        return self._estimate(self._stages[name]).tokens

    def _line(self, stage: Stage) -> list[str]:
        """The stage and all that it descends from."""
        return [name for parent in stage.parents for name in self._line(self._stages[parent])] + [stage.name]

    def _grpo(self, stage: Stage) -> Cost:
        settings: Any = stage.settings
        trainer = trainer_of(settings, self._recipe.head)
        rows, length = self._prompts(settings)
        batch = self._batch(stage, trainer)
        completions = settings.steps * batch // (trainer.get("num_iterations") or 1)
        most = trainer["max_completion_length"]
        answer = min(self._set("annotated").answer or most, most)
        cost = Cost(rows, round(completions * (length + answer)), round(completions * answer), settings.steps)
        asked = completions // trainer["num_generations"]
        turns = f", in {asked / rows:.1f} turns" if asked > rows > 0 else ""
        cost.notes.append(f"{completions} completions for {min(asked, rows)} of {rows} prompts{turns}")
        longest = self._longest(settings) + most
        rows = trainer["per_device_train_batch_size"]
        self._trained(stage, cost, rows, longest, most, batch // self._processes(stage))
        return cost

    def _pairs(self, stage: Stage) -> Cost:
        settings: Any = stage.settings
        rows, length = self._prompts(settings)
        spans = min(settings.spans, self._set("spans").number)
        if spans:
            whole = rows * length + spans * self._set("spans").prompt
            rows, length = rows + spans, whole / (rows + spans)
        return self._sampled(stage, rows, length, settings.samples)

    def _fill(self, stage: Stage) -> Cost:
        settings: Any = stage.settings
        known = self._set("code_only")
        rows = known.number if settings.documents is None else min(settings.documents, known.number)
        asks = "model" in settings.how
        return self._sampled(stage, rows, known.prompt, settings.samples if asks else 0)

    def _sampled(self, stage: Stage, rows: int, length: float, samples: int) -> Cost:
        answer = self._answer(stage)
        written = round(rows * samples * answer)
        cost = Cost(rows, round(rows * length) + written if samples else 0, written)
        self._asked(stage, cost, stage.settings.batch_size)  # type: ignore[attr-defined]
        return cost

    def _dpo(self, stage: Stage) -> Cost:
        settings: Any = stage.settings
        trainer = trainer_of(settings, self._recipe.head)
        pairs, exact = self._pairs_before(stage)
        batch = self._batch(stage, trainer)
        annotated = self._set("annotated")
        each = 2 * (annotated.prompt + annotated.answer)
        steps = math.ceil(math.ceil(pairs / batch) * settings.epochs)
        cost = Cost(pairs, round(pairs * each * settings.epochs), None, steps)
        if not exact:
            cost.notes.append(f"about {pairs} pairs: known once {stage.parents[0]} has run")
        rows = 2 * trainer["per_device_train_batch_size"]
        self._trained(stage, cost, rows, annotated.longest, max(annotated.answers, default=0))
        return cost

    def _pairs_before(self, stage: Stage) -> tuple[int, bool]:
        """The pairs that the stage before makes, and whether it has made them."""
        parent = stage.parents[0]
        made = self._done.get(parent, {}).get("pairs")
        if made is not None:
            return int(made), True
        settings: Any = self._stages[parent].settings
        prompts = self._estimate(self._stages[parent]).examples or 0
        sampled = min(settings.pairs_per_prompt, settings.samples)
        return prompts * (sampled + len(settings.negatives)), False

    def _predict(self, stage: Stage) -> Cost:
        lengths = self._set(stage.settings.on)  # type: ignore[attr-defined]
        answer = self._answer(stage)
        number = lengths.number
        cost = Cost(number, round(number * (lengths.prompt + answer)), round(number * answer))
        self._asked(stage, cost, stage.settings.batch_size)  # type: ignore[attr-defined]
        cost.disk = number * 1000
        return cost

    def _processes(self, stage: Stage) -> int:
        return stage.processes

    def _batch(self, stage: Stage, trainer: Mapping[str, Any]) -> int:
        """The examples of an optimizer step, in all processes together."""
        each: int = trainer["per_device_train_batch_size"] * trainer["gradient_accumulation_steps"]
        return each * self._processes(stage)

    def _set(self, name: str) -> Lengths:
        return self._lengths.get(name, _NOTHING)

    def _answer(self, stage: Stage) -> float:
        """Tokens of an answer that the model is expected to write: as long as gold's, and as is allowed."""
        most = answer_limit(stage.settings, self._recipe.head) or 0
        return min(self._set("annotated").answer or most, most)

    def _prompts(self, settings: Any) -> tuple[int, float]:
        """The windows that a stage with rewards takes, and their mean length as prompts."""
        annotated, unknown = self._set("annotated"), self._set("code_only")
        taken = annotated.number if settings.documents is None else min(settings.documents, annotated.number)
        more = min(settings.code_only, unknown.number)
        rows = taken + more
        return rows, (taken * annotated.prompt + more * unknown.prompt) / rows if rows else 0.0

    def _longest(self, settings: Any) -> int:
        sets = [name for name in ("annotated", "code_only", "spans") if name in settings.uses()]
        return max((self._set(name).longest_prompt for name in sets), default=0)

    def _weights(self, stage: Stage, trains: bool) -> Weights | None:
        if self._shape is None:
            return None
        head, settings = self._recipe.head, stage.settings
        adapter = self._adapter(stage)
        trained = 0
        if trains:
            freeze = getattr(settings, "freeze", [])
            trained = adapter or self._shape.unfrozen(freeze)
        mixed = bool(trainer_of(settings, head).get("bf16")) if trains else head.model.dtype == "bfloat16"
        return Weights(self._shape, trained, adapter, 2 if head.model.dtype == "bfloat16" else 4, mixed)

    def _adapter(self, stage: Stage) -> int:
        """The parameters of the adapter that the stage's model has: its own, or one from before."""
        assert self._shape is not None
        peft = getattr(stage.settings, "peft", None)
        if peft is not None:
            return self._shape.adapter(peft)
        parents = self._stages[stage.name].parents
        return self._adapter(self._stages[parents[0]]) if parents else 0

    def _trained(
        self, stage: Stage, cost: Cost, rows: int, length: int, scored: int, generated: int = 0
    ) -> None:
        """Add what training takes, and what the answers on its way do: ``generated`` together."""
        weights = self._weights(stage, trains=True)
        if weights is None:
            return
        trainer = trainer_of(stage.settings, self._recipe.head)
        kept = not stage.settings.trainer.get("gradient_checkpointing", self._gpu)  # type: ignore[attr-defined]
        most = answer_limit(stage.settings, self._recipe.head) or 0
        prompt = max((lengths.longest_prompt for lengths in self._lengths.values()), default=0)
        generated = max(generated, 16 if most else 0)
        launch = stage.launch
        cut = launch.processes if launch is not None and launch.sharded else 1
        held = {**weights.parts, **(memory.reference(weights, trainer) if stage.kind != "sft" else {})}
        if launch is not None and launch.processes > 1:
            cost.notes.append(f"in {launch.processes} processes; memory is that of each")
        cost.parts = {
            **{name: part / cut for name, part in held.items()},
            "activations": memory.activations(weights, rows, length, scored, kept),
            **memory.generation(weights, generated, prompt, most),
        }
        cost.memory = memory.total(cost.parts, self._gpu)
        cost.disk, cost.passing = weights.saved, 2 * weights.checkpoint

    def _asked(self, stage: Stage, cost: Cost, rows: int) -> None:
        """Add what loading the model and generating ``rows`` answers together takes."""
        weights = self._weights(stage, trains=False)
        if weights is None or not cost.generated:
            return
        most = answer_limit(stage.settings, self._recipe.head) or 0
        prompt = max((lengths.longest_prompt for lengths in self._lengths.values()), default=0)
        cost.parts = {**weights.parts, **memory.generation(weights, rows, prompt, most)}
        cost.memory = memory.total(cost.parts, self._gpu)


def disk_needed(costs: Sequence[Cost]) -> int:
    """Bytes of disk that the stages need, one after the other."""
    kept = most = 0
    for cost in costs:
        most = max(most, kept + cost.passing + cost.disk)
        kept += cost.disk
    return most
