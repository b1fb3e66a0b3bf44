"""What an SFT stage trains on: examples from each of its sources until its token budget is spent."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from ...answer.prompt import Prompt
from ...corpus.jsonl import read_documents, read_spans
from ...corpus.types import Span
from ...errors import UserError
from ...modeling.generate import encode_prompt
from ..contract import StageContext
from ..shared.cost import matched_tokens
from ..shared.prompting import Prompting, annotated_windows, span_document
from .sampling import check_weights, shuffled_turns, span_weights
from .settings import SftSettings

Example = dict[str, list[int]]
_UNJUSTIFIED = 0.3  # of the documents of 'cite' name a code that they don't have
_STRETCH = 50  # batches, among whose examples those of like length are sought


def compose(
    settings: SftSettings, context: StageContext, prompting: Prompting
) -> tuple[list[Example], dict[str, int]]:
    """The examples of all sources, and how many tokens each source gives.

    Raises:
        UserError: a source has nothing to train on.
    """
    tokens = budget(settings, context)
    whole = sum(settings.shares.values())
    own_spans = {name: read_spans(_SPANS[name](context)) for name in settings.shares if name in _SPANS}
    check_weights(settings.span_sampling, chain.from_iterable(own_spans.values()))
    examples: list[Example] = []
    counts: dict[str, int] = {}
    for name, share in settings.shares.items():
        if part := int(tokens * share / whole):
            rng = random.Random(f"{context.seed}-{name}")
            chosen = list(_until(part, _turns(name, own_spans.get(name), settings, context, prompting, rng)))
            if not chosen:
                raise UserError(f"stage '{context.name}': there are no {name} to train on")
            counts[name] = sum(len(example["input_ids"]) for example in chosen)
            examples += chosen
    return examples, counts


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


Pairs = Iterator[tuple[Prompt, str]]


def _documents(context: StageContext, prompting: Prompting) -> Pairs:
    return _gold(context.needed("annotated"), prompting)


def _filled(context: StageContext, prompting: Prompting) -> Pairs:
    return _gold(context.parent.output("filled"), prompting)


def _gold(path: Path, prompting: Prompting) -> Pairs:
    for window in annotated_windows(read_documents(path), prompting):
        yield prompting.prompt(window.text), prompting.gold(window.text, window.annotations or ())


def _span(number: int, span: Span, prompting: Prompting) -> tuple[Prompt, str]:
    annotations = span_document(span, number).annotations or ()
    return prompting.prompt(span.text), prompting.gold(span.text, annotations)


def _cite(context: StageContext, prompting: Prompting) -> Pairs:
    """Windows with all codes of their documents and, in part of them, one code that the document has not.

    So the model learns that for some of the codes there is nothing to cite.
    """
    documents = read_documents(context.needed("annotated"))
    known = sorted({a.code for document in documents for a in document.annotations or ()})
    rng = random.Random(f"{context.seed}-cite")
    for document in documents:
        own = {annotation.code for annotation in document.annotations or ()}
        if not own:
            continue
        others = [code for code in known if code not in own]
        more = [rng.choice(others)] if others and rng.random() < _UNJUSTIFIED else []
        citing = prompting.citing([*own, *more])
        for window in annotated_windows([document], prompting):
            yield citing.prompt(window.text), prompting.gold(window.text, window.annotations or ())


def _answers(context: StageContext, prompting: Prompting) -> Pairs:
    with context.parent.output("answers").open(encoding="utf-8") as stream:
        for record in map(json.loads, stream):
            yield prompting.prompt(record["text"]), record["answer"]


_SOURCES = {"documents": _documents, "cite": _cite, "filled": _filled, "answers": _answers}
_SPANS: Mapping[str, Callable[[StageContext], Path]] = {
    "spans": lambda context: context.needed("spans"),
    "synthesized": lambda context: context.parent.output("synthesized"),
}


def _turns(
    name: str,
    spans: list[Span] | None,
    settings: SftSettings,
    context: StageContext,
    prompting: Prompting,
    rng: random.Random,
) -> Iterator[list[Example]]:
    """The examples of a source in random order, again and again; nothing if there are none."""
    if spans is None:
        examples = [_example(*pair, prompting) for pair in _SOURCES[name](context, prompting)]
        yield from shuffled_turns(examples, None, rng)
        return
    weights = span_weights(spans, settings.span_sampling)
    examples = [_example(*_span(number, span, prompting), prompting) for number, span in enumerate(spans)]
    yield from shuffled_turns(examples, weights, rng)


def _example(asked: Prompt, answer: str, prompting: Prompting) -> Example:
    prompt = encode_prompt(prompting.tokenizer, asked)
    written = prompting.tokenizer(answer, add_special_tokens=False)["input_ids"]
    written = [*written, prompting.tokenizer.eos_token_id]
    return {"input_ids": prompt + written, "completion_mask": [0] * len(prompt) + [1] * len(written)}


def _until(tokens: int, turns: Iterable[list[Example]]) -> Iterator[Example]:
    """The examples of turns until the tokens are spent."""
    for turn in turns:
        for example in turn:
            if tokens <= 0:
                return
            tokens -= len(example["input_ids"])
            yield example


def in_batches(examples: list[Example], size: int, rng: random.Random) -> list[Example]:
    """The examples in batches of like length, the batches in random order.

    A trainer's own grouping by length puts all the long batches of a stretch before its short ones, so that
    documents and spans take turns for dozens of steps, each forgotten while the other is learned.
    """
    rng.shuffle(examples)
    stretch = size * _STRETCH
    batches = []
    for start in range(0, len(examples), stretch):
        ordered = sorted(examples[start : start + stretch], key=lambda example: -len(example["input_ids"]))
        batches += [ordered[i : i + size] for i in range(0, len(ordered), size)]
    whole = [batch for batch in batches if len(batch) == size]
    short = [batch for batch in batches if len(batch) < size]  # at the end, or it would shift the others
    rng.shuffle(whole)
    return [example for batch in (*whole, *short) for example in batch]
