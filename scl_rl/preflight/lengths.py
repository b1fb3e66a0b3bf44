"""Tokens counted as a run would count them, with the model's tokenizer alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..answer.prompt import Prompt
from ..corpus.records import sample_records
from ..corpus.sources import DataSample
from ..corpus.sources.sample import RECORDS
from ..corpus.spans import spans_of
from ..corpus.types import Document
from ..corpus.windows import lost_mentions
from ..recipe.schema import Recipe
from ..stages.shared.cost import Lengths
from ..stages.shared.prompting import Prompting, annotated_windows, span_document

_CHARACTERS = 4  # a token, where no tokenizer is at hand
_CHAT = 12  # tokens that a chat template adds, about


class TokenCounter:
    """Looks like a tokenizer to :class:`Prompting`, and loads in milliseconds.

    Attributes:
        exact: the model's own tokenizer counts; else four characters are taken for a token.
    """

    eos_token_id = 0

    def __init__(self, file: Path | None) -> None:
        self.exact = file is not None
        self._tokenizer: Any = None
        if file is not None:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(file))

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """The ids of a text, or as many zeros as it has tokens, about."""
        if self._tokenizer is None:
            return {"input_ids": [0] * -(-len(text) // _CHARACTERS)}
        return {"input_ids": self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt; those of a chat template about."""
        if isinstance(prompt, str):
            return len(self(prompt)["input_ids"])
        return sum(len(self(message["content"], False)["input_ids"]) + _CHAT for message in prompt)


def measure(recipe: Recipe, sample: DataSample, counter: TokenCounter) -> dict[str, Lengths]:
    """Set → the lengths of what a stage makes of it. Without spans, mentions show how long such are."""
    head = recipe.head
    window = head.window.tokens if head.window else None
    prompting = Prompting(head.prompt.template, head.prompt.chat, head.answer, window, counter)

    def answer(text: str, annotations: Any) -> int:
        return (
            len(counter(prompting.gold(text, annotations or ()), add_special_tokens=False)["input_ids"]) + 1
        )

    found: dict[str, Lengths] = {}
    spans = sample.spans() or sample_records(spans_of(sample.documents("annotated"), ""), RECORDS)
    for name in dict.fromkeys([*sample.records, "spans"]):
        documents = sample.documents(name)
        if name == "spans":
            pieces = [span_document(span, number) for number, span in enumerate(spans)]
            number, mentions = sample.counts.get(name, 0), (0, 0)
        else:
            windows = [window.as_document() for d in documents for window in prompting.windows(d)]
            pieces = list(annotated_windows(documents, prompting)) if name == "annotated" else windows
            mentions = _mentions(documents, prompting) if name == "annotated" and window else (0, 0)
            number = round(sample.counts[name] * len(pieces) / len(documents)) if documents else 0
        told = [
            p.annotations is not None and all(a.mentions is not None for a in p.annotations) for p in pieces
        ]
        found[name] = Lengths(
            number,
            tuple(counter.count(prompting.prompt(piece.text)) for piece in pieces),
            tuple(answer(p.text, p.annotations) if gold else 0 for p, gold in zip(pieces, told, strict=True)),
            mentions,
        )
    return found


def _mentions(documents: Sequence[Document], prompting: Prompting) -> tuple[int, int]:
    """How many mentions documents have, and how many of them no window has as a whole."""
    number = sum(len(a.mentions or ()) for document in documents for a in document.annotations or ())
    lost = sum(lost_mentions(d, prompting.windows(d, whole_mentions=True)) for d in documents)
    return number, lost
