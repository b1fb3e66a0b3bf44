"""What an SFT stage trains on: examples from each of its sources until its token budget is spent."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from datasets import Dataset, concatenate_datasets

from ...corpus.jsonl import read_spans
from ...errors import UserError
from ..contract import StageContext
from ..shared.cost import matched_tokens
from ..shared.prompting import Prompting
from .examples import example_table, token_counts
from .sampling import check_weights, shuffled_turns, span_weights
from .settings import SftSettings
from .sources import SPAN_FILES, pairs_of_file, pairs_of_spans

_STRETCH = 50  # batches, among whose examples those of like length are sought


@dataclass(frozen=True)
class TrainingSet:
    """The examples of a stage.

    Attributes:
        table: all examples of its sources, on the disk.
        lengths: their tokens.
        chosen: the numbers of those to train on, some of them more than once.
        tokens: source → how many tokens are trained on of it.
    """

    table: Dataset
    lengths: Sequence[int]
    chosen: list[int]
    tokens: dict[str, int]

    def in_batches(self, size: int, rng: random.Random) -> Dataset:
        """What is to be trained on, in the order of :func:`in_batches`."""
        return self.table.select(in_batches(self.chosen, self.lengths, size, rng))


def compose(
    settings: SftSettings, context: StageContext, prompting: Prompting, folder: Path, processes: int = 1
) -> TrainingSet:
    """The examples of all sources, tokenised and drawn.

    The spans of a stage are in memory while it trains, and of each example some 50 bytes; the examples
    themselves are not.

    Args:
        folder: for the tables; they must stay while the examples are used.
        processes: that read, window and tokenise together.

    Raises:
        UserError: a source has nothing to train on, or gets no token.
    """
    tokens = budget(settings, context)
    whole = sum(settings.shares.values())
    own_spans = {
        name: read_spans(SPAN_FILES[name](context)) for name in settings.shares if name in SPAN_FILES
    }
    check_weights(settings.span_sampling, chain.from_iterable(own_spans.values()))
    tables: list[Dataset] = []
    lengths = array("i")
    chosen: list[int] = []
    counts: dict[str, int] = {}
    for name, share in settings.shares.items():
        if part := int(tokens * share / whole):
            spans, weights = own_spans.get(name), None
            if spans is None:
                pairs, records = pairs_of_file(name, context, prompting)
            else:
                pairs, records = pairs_of_spans(spans, prompting)
                weights = span_weights(spans, settings.span_sampling)
            table = example_table(pairs, records, prompting, folder / name, processes)
            begin = len(lengths)
            lengths += token_counts(table)
            rng = random.Random(f"{context.seed}-{name}")
            drawn = list(_until(part, shuffled_turns(range(begin, len(lengths)), weights, rng), lengths))
            if not drawn:
                raise UserError(f"stage '{context.name}': there are no {name} to train on")
            counts[name] = sum(lengths[number] for number in drawn)
            tables.append(table)
            chosen += drawn
    if not tables:
        raise UserError(f"stage '{context.name}': {tokens} tokens are too few to share among its sources")
    return TrainingSet(concatenate_datasets(tables), lengths, chosen, counts)


def budget(settings: SftSettings, context: StageContext) -> int:
    """The tokens to train on.

    Matched to another stage, that is what it and the stages between it and this one's model used: their
    tokens, generated ones included, or their time at the speed of the last SFT before.
    """
    if settings.tokens is not None:
        return settings.tokens
    ours = {stage.name for parent in context.parents for stage in parent.lineage()}
    spent = [stage for stage in context.also_needs[0].lineage() if stage.name not in ours]
    if settings.match_by == "tokens":
        return sum(matched_tokens(stage.figures) for stage in spent)
    before = [s for parent in context.parents for s in parent.lineage() if s.kind == "sft"]
    if not before or not before[-1].minutes:
        raise UserError(f"stage '{context.name}': match_by: seconds: there is no SFT stage before it")
    speed = matched_tokens(before[-1].figures) / before[-1].minutes
    return max(1, int(speed * sum(stage.minutes for stage in spent)))


def _until(tokens: int, turns: Iterable[list[int]], lengths: Sequence[int]) -> Iterator[int]:
    """The examples of turns until the tokens are spent."""
    for turn in turns:
        for number in turn:
            if tokens <= 0:
                return
            tokens -= lengths[number]
            yield number


def in_batches(chosen: Sequence[int], lengths: Sequence[int], size: int, rng: random.Random) -> list[int]:
    """The chosen examples in batches of like length, the batches in random order.

    A trainer's own grouping by length puts all the long batches of a stretch before its short ones, so that
    documents and spans take turns for dozens of steps, each forgotten while the other is learned.
    """
    examples = list(chosen)
    rng.shuffle(examples)
    stretch = size * _STRETCH
    batches = []
    for start in range(0, len(examples), stretch):
        ordered = sorted(examples[start : start + stretch], key=lambda number: -lengths[number])
        batches += [ordered[i : i + size] for i in range(0, len(ordered), size)]
    whole = [batch for batch in batches if len(batch) == size]
    short = [batch for batch in batches if len(batch) < size]  # at the end, or it would shift the others
    rng.shuffle(whole)
    return [number for batch in (*whole, *short) for number in batch]
