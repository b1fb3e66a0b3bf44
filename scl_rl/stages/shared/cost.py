"""What a stage will take, before it runs: the estimate, what it is made from, and what kinds share of it.

A kind's ``cost`` is a function of its settings and :class:`Facts`, and returns a :class:`Cost`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any

from ...modeling import memory
from ...modeling.memory import Parts, Weights
from ...modeling.shape import ModelShape
from ..contract import StageSettings
from .config import Config, Machine, resolve
from .settings import PromptsMixin, TrainingSettings

_CHECKED_TOGETHER = 16  # answers that dev checks generate together


@dataclass(frozen=True)
class Lengths:
    """The windows of a set, or its spans, as prompts and gold answers.

    Attributes:
        number: how many there are in the whole set, from those that were looked at.
        prompts: tokens of each prompt looked at.
        answers: tokens of the gold answer of each, its end included; 0 where there is no gold answer.
        mentions: gold mentions of the documents looked at, and how many of them are in no window.
    """

    number: int
    prompts: tuple[int, ...] = ()
    answers: tuple[int, ...] = ()
    mentions: tuple[int, int] = (0, 0)

    @cached_property
    def prompt(self) -> float:
        """Mean tokens of a prompt."""
        return fmean(self.prompts) if self.prompts else 0.0

    @cached_property
    def answer(self) -> float:
        """Mean tokens of a gold answer."""
        return fmean(self.answers) if self.answers else 0.0

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest prompt with its gold answer."""
        return max((p + a for p, a in zip(self.prompts, self.answers, strict=True)), default=0)

    @cached_property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt."""
        return max(self.prompts, default=0)

    @cached_property
    def longest_answer(self) -> int:
        """Tokens of the longest gold answer."""
        return max(self.answers, default=0)


@dataclass
class Cost:
    """What a stage takes. None = it can't be said before the stages that it starts from have run.

    Attributes:
        examples: what it trains on or answers; repeated ones count again in SFT.
        tokens: read and written, in training and sampling.
        generated: those of them that the model writes.
        matched: those that count where another stage matches its compute; see :func:`matched_tokens`.
        makes: records of what it leaves for others to train on.
        parts: what memory is for → bytes; empty where no model is loaded, or its size is unknown.
        memory: bytes at the peak.
        disk: bytes that stay.
        passing: bytes of disk that are free again when the stage is done.
        notes: what is to be said of it.
    """

    examples: int | None = None
    tokens: int | None = None
    generated: int | None = None
    matched: int | None = 0
    makes: int | None = None
    steps: int | None = None
    parts: Parts = field(default_factory=dict)
    memory: float | None = None
    disk: int = 0
    passing: int = 0
    notes: list[str] = field(default_factory=list)


def matched_tokens(figures: Mapping[str, Any]) -> int:
    """The tokens of a finished stage that count where another stage matches its compute.

    They are the tokens that it trained on, and those that it sampled: what reading the prompts for sampling
    costs is left out, before a run as after it.
    """
    return sum(int(figures.get(name) or 0) for name in ("tokens", "generated_tokens"))


@dataclass(frozen=True)
class Parent:
    """A stage that another one starts from, as far as its cost depends on it."""

    name: str
    settings: StageSettings
    cost: Cost
    figures: Mapping[str, Any] | None


@dataclass(frozen=True)
class Facts:
    """What a kind may ask when it estimates a stage.

    Attributes:
        lengths: set of the data → the lengths of its prompts and answers.
        shape: the model's; None if unknown.
        dtype: number format of the recipe's model.
        processes: how many train together.
        sharded: they share one copy of the weights.
        parents: the stages that it starts from, estimated.
        matched: tokens of the stage whose compute it matches; None if it matches none, or not by tokens, or
            they can't be said yet.
        codes: those of the training sets, in a sample of them.
        peft: ``peft`` of the adapter that its model has: its own or one from before; None = whole weights.
    """

    lengths: Mapping[str, Lengths]
    shape: ModelShape | None
    dtype: str
    machine: Machine
    processes: int = 1
    sharded: bool = False
    parents: Sequence[Parent] = ()
    matched: int | None = None
    peft: Mapping[str, Any] | None = None
    codes: Collection[str] = ()

    def of(self, name: str) -> Lengths:
        """The lengths of a set; of an empty one if the data has no such set."""
        return self.lengths.get(name, Lengths(0))

    def longest_prompt(self, sets: Sequence[str] | None = None) -> int:
        """Tokens of the longest prompt of these sets, or of all."""
        return max((self.of(name).longest_prompt for name in sets or self.lengths), default=0)

    def answer(self, settings: StageSettings) -> float:
        """Tokens of an answer that the model is expected to write: as long as gold's, and as is allowed."""
        limit = settings.answer_limit() or 0
        return min(self.of("annotated").answer or limit, limit)

    def config(self, settings: StageSettings) -> Config:
        """The config of the stage's trainer."""
        return resolve(settings, self.dtype, self.machine)

    def weights(self, trained: int, mixed: bool) -> Weights | None:
        """The stage's model, of which so many parameters are trained; None if its size is unknown."""
        if self.shape is None:
            return None
        adapter = self.shape.adapter(dict(self.peft)) if self.peft is not None else 0
        return Weights(self.shape, trained, adapter, 2 if self.dtype == "bfloat16" else 4, mixed)


def rewarded_prompts(settings: PromptsMixin, facts: Facts) -> tuple[int, float]:
    """The windows that a stage with rewards takes, and their mean length as prompts."""
    annotated, unknown = facts.of("annotated"), facts.of("code_only")
    documents, (start, end) = settings.max_documents, settings.code_only_part
    taken = annotated.number if documents is None else min(documents, annotated.number)
    more = min(settings.max_code_only, round((end - start) * unknown.number))
    more += min(settings.max_filled, unknown.number)
    rows = taken + more
    return rows, (taken * annotated.prompt + more * unknown.prompt) / rows if rows else 0.0


def sampling_cost(
    settings: StageSettings, facts: Facts, rows: int, prompt: float, samples: int, batch_size: int
) -> Cost:
    """The cost of ``samples`` answers to each of ``rows`` prompts of ``prompt`` tokens on average."""
    written = round(rows * samples * facts.answer(settings))
    cost = Cost(rows, round(rows * prompt) + written if samples else 0, written, matched=written)
    add_generation(cost, settings, facts, batch_size)
    return cost


def add_generation(cost: Cost, settings: StageSettings, facts: Facts, rows: int) -> None:
    """Add what loading the model and generating ``rows`` answers together takes."""
    weights = facts.weights(0, facts.dtype == "bfloat16")
    if weights is None or not cost.generated:
        return
    answer = settings.answer_limit() or 0
    cost.parts = {**weights.parts, **memory.generation(weights, rows, facts.longest_prompt(), answer)}
    cost.memory = memory.total(cost.parts, facts.machine.gpu)


def add_training(
    cost: Cost,
    settings: TrainingSettings,
    facts: Facts,
    rows: int,
    length: int,
    scored: int,
    generated: int = 0,
    reference: bool = False,
) -> None:
    """Add what training takes, and what the answers on its way do.

    Args:
        rows: examples computed together, each of ``length`` tokens.
        scored: tokens of each that go through the LM head.
        generated: answers sampled together for the training itself.
        reference: it compares with a frozen copy of the model.
    """
    if facts.shape is None:
        return
    config = facts.config(settings)
    adapter = facts.shape.adapter(dict(facts.peft)) if facts.peft is not None else 0
    weights = facts.weights(adapter or facts.shape.unfrozen(settings.freeze), bool(config["bf16"]))
    assert weights is not None
    limit = settings.answer_limit() or 0
    together = max(generated, _CHECKED_TOGETHER if limit else 0)
    held = {**weights.parts, **(memory.reference(weights, dict(config)) if reference else {})}
    if facts.processes > 1:
        cost.notes.append(f"in {facts.processes} processes; memory is that of each")
    share = facts.processes if facts.sharded else 1
    cost.parts = {
        **{name: part / share for name, part in held.items()},
        "activations": memory.activations(
            weights, rows, length, scored, not config["gradient_checkpointing"]
        ),
        **memory.generation(weights, together, facts.longest_prompt(), limit),
    }
    cost.memory = memory.total(cost.parts, facts.machine.gpu)
    cost.disk, cost.passing = weights.saved, 2 * weights.checkpoint
