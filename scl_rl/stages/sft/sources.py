"""What each source of an SFT stage asks and answers, record by record."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from ...answer.prompt import Prompt
from ...corpus.jsonl import iter_documents, number_of_lines
from ...corpus.types import Span
from ..contract import StageContext
from ..shared.prompting import Prompting, annotated_windows, span_document
from .examples import Pairs

_UNJUSTIFIED = 0.3  # of the documents of 'cite' name a code that they don't have

_FILES: Mapping[str, Callable[[StageContext], Path]] = {
    "documents": lambda context: context.needed("annotated"),
    "cite": lambda context: context.needed("annotated"),
    "filled": lambda context: context.parent.output("filled"),
    "answers": lambda context: context.parent.output("answers"),
}
SPAN_FILES: Mapping[str, Callable[[StageContext], Path]] = {
    "spans": lambda context: context.needed("spans"),
    "synthesized": lambda context: context.parent.output("synthesized"),
}


def pairs_of_file(name: str, context: StageContext, prompting: Prompting) -> tuple[Pairs, int]:
    """The pairs of a source that is a file, which is read as they are asked for, and its number of lines."""
    path = _FILES[name](context)
    makers: dict[str, Callable[..., Iterator[tuple[Prompt, str]]]] = {
        "cite": partial(_cite, context.seed),
        "answers": _answers,
    }
    return partial(makers.get(name, _gold), path, prompting), number_of_lines(path)


def pairs_of_spans(spans: Sequence[Span], prompting: Prompting) -> tuple[Pairs, int]:
    """The pairs of spans, and how many there are."""
    return partial(_span_pairs, spans, prompting), len(spans)


def _gold(path: Path, prompting: Prompting, part: range) -> Iterator[tuple[Prompt, str]]:
    for window in annotated_windows(iter_documents(path, part=part), prompting):
        yield prompting.prompt(window.text), prompting.gold(window.text, window.annotations or ())


def _cite(seed: int, path: Path, prompting: Prompting, part: range) -> Iterator[tuple[Prompt, str]]:
    """Windows with all codes of their documents and, in part of them, one code that the document has not.

    So the model learns that for some of the codes there is nothing to cite.
    """
    known = sorted({a.code for document in iter_documents(path) for a in document.annotations or ()})
    rng = random.Random(f"{seed}-cite")
    for number, document in enumerate(iter_documents(path)):
        own = {annotation.code for annotation in document.annotations or ()}
        if not own:
            continue
        others = [code for code in known if code not in own]
        more = [rng.choice(others)] if others and rng.random() < _UNJUSTIFIED else []
        if number not in part:  # whose numbers are drawn all the same
            continue
        citing = prompting.citing([*own, *more])
        for window in annotated_windows([document], prompting):
            yield citing.prompt(window.text), prompting.gold(window.text, window.annotations or ())


def _answers(path: Path, prompting: Prompting, part: range) -> Iterator[tuple[Prompt, str]]:
    with path.open(encoding="utf-8") as stream:
        for record in map(json.loads, islice(stream, part.start, part.stop)):
            yield prompting.prompt(record["text"]), record["answer"]


def _span_pairs(spans: Sequence[Span], prompting: Prompting, part: range) -> Iterator[tuple[Prompt, str]]:
    for number in part:
        span = spans[number]
        annotations = span_document(span, number).annotations or ()
        yield prompting.prompt(span.text), prompting.gold(span.text, annotations)
