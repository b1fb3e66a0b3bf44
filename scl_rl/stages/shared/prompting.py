"""From documents to prompts and gold answers, and from a model's answers back to documents."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...answer.grammar import Answer, AnswerFormat, render
from ...answer.parse import parse
from ...answer.prompt import Prompt, cite_prompt_for, prompt_for
from ...corpus.jsonl import read_documents
from ...corpus.records import sample_records
from ...corpus.types import Annotation, Document, Prediction, Span
from ...corpus.windows import Window, merge_windows, split_windows
from ...modeling.confidence import line_log_probs
from ...modeling.constrained.decoder import Constraint
from ...modeling.generate import generate
from ...modeling.journal import AnswerJournal
from ...modeling.load import Loaded, ModelCard
from ...scoring import GoldDocument, NoteText
from ..contract import FILLED, StageContext
from .settings import PromptsMixin

NO_WINDOW = 10**9


@dataclass(frozen=True)
class Prompting:
    """How one model is prompted and read.

    Attributes:
        window: most note tokens in one window; None = documents are whole.
        cite_template: of prompts with codes; None = the model knows no such prompts.
        given: the codes that prompts name; None = the model is to find them.
        overlap: most note tokens of a window that the next one repeats, where codes are predicted.
        votes: see :func:`~scl_rl.corpus.windows.merge_windows`.
    """

    template: str
    chat: bool
    answer: AnswerFormat
    window: int | None
    tokenizer: Any
    cite_template: str | None = None
    cite_titles: bool = False
    given: tuple[str, ...] | None = None
    overlap: int = 0
    votes: int = 1

    @classmethod
    def of(cls, context: StageContext, tokenizer: Any) -> Prompting:
        """As the recipe says."""
        window, prompt = context.window.tokens if context.window else None, context.prompt
        return cls(
            prompt.template,
            prompt.chat,
            context.answer,
            window,
            tokenizer,
            prompt.cite_template,
            prompt.cite_titles,
        )

    @classmethod
    def of_card(cls, card: ModelCard, tokenizer: Any, window: int | None = None) -> Prompting:
        """As a model's card says.

        Args:
            window: most note tokens in one window, instead of what the card says.
        """
        window = window or card.window
        return cls(
            card.template,
            card.chat,
            card.answer,
            window,
            tokenizer,
            card.cite_template,
            card.cite_titles,
        )

    def citing(self, codes: Iterable[str]) -> Prompting:
        """Prompts that ask for the evidence of these codes, which are known."""
        return replace(self, given=tuple(codes))

    def prompt(self, text: str) -> Prompt:
        """The prompt for one note, window or span."""
        if self.given is None or self.cite_template is None:
            return prompt_for(text, self.template, self.chat)
        return cite_prompt_for(text, self.given, self.cite_template, self.cite_titles, self.chat)

    def gold(self, text: str, annotations: Iterable[Annotation]) -> str:
        """The answer that cites all gold evidence."""
        return render(GoldDocument(text, annotations).gold_answer(), self.answer)

    def windows(self, document: Document, whole_mentions: bool = False) -> list[Window]:
        """The document in pieces that the model reads, or whole.

        Args:
            whole_mentions: as :func:`~scl_rl.corpus.windows.split_windows` takes it, for training only.
        """
        length = self._tokens if self.window else len
        overlap = 0 if whole_mentions else self.overlap
        return split_windows(document, self.window or NO_WINDOW, length, whole_mentions, overlap)

    def _tokens(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def annotated_windows(documents: Iterable[Document], prompting: Prompting) -> Iterator[Document]:
    """The windows, as documents, whose evidence is annotated; the others can't be imitated or judged."""
    for document in documents:
        for window in prompting.windows(document, whole_mentions=True):
            piece = window.as_document()
            if piece.annotations is not None and all(a.mentions is not None for a in piece.annotations):
                yield piece


def some_windows(settings: PromptsMixin, context: StageContext, prompting: Prompting) -> list[Document]:
    """The windows that a stage has answered: annotated ones, code-only ones, those that were filled in.

    Code-only documents are sampled from those that are a single window: of a part of a document nobody knows
    which codes it has.
    """
    rng = random.Random(f"{context.seed}-windows")
    annotated = read_documents(context.needed("annotated")) if settings.max_documents != 0 else []
    found = sample_records(list(annotated_windows(annotated, prompting)), settings.max_documents, rng)
    unknown = read_documents(context.needed("code_only")) if settings.max_code_only else []
    split = map(prompting.windows, settings.part_of(unknown))
    whole = [windows[0].as_document() for windows in split if len(windows) == 1]
    found += sample_records(whole, settings.max_code_only, rng)
    filled = read_documents(context.parent.output(FILLED)) if settings.max_filled else []
    return found + sample_records(list(annotated_windows(filled, prompting)), settings.max_filled, rng)


def span_document(span: Span, number: int) -> Document:
    """A span as a document of its own: the span is the note, and all of it evidence unless it says else."""
    mention = span.fragments or [(0, len(span.text))]
    annotation = Annotation(code=span.code, system=span.system, mentions=[mention])
    return Document(id=f"span-{number}", text=span.text, annotations=[annotation])


def predict_documents(
    loaded: Loaded,
    documents: list[Document],
    prompting: Prompting,
    max_new_tokens: int,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    constraint: Constraint | None = None,
    confidence: bool = False,
    journal: AnswerJournal | None = None,
    given: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[Prediction], int]:
    """Predictions for documents in their order, and the number of windows read.

    Args:
        constraint: what the answers are held to; absent, the model writes what it likes.
        confidence: give each code a ``confidence``, the probability of its line (of the likeliest, where
            there are several) given the note and the lines before.
        journal: keeps the answers as they are made, and has those of an earlier try.
        given: the codes of each document by its id, at least one, of which only the evidence is asked for; it
            takes a constraint.
    """
    windows = [(document, window) for document in documents for window in prompting.windows(document)]
    prompts = [
        (prompting if given is None else prompting.citing(given[document.id])).prompt(window.text)
        for document, window in windows
    ]
    texts = [window.text for _, window in windows]
    if constraint is None:
        answers = generate(loaded, prompts, max_new_tokens, batch_size, progress, journal=journal)
    else:
        each = None if given is None else [constraint.limited(given[document.id]) for document, _ in windows]
        answers = constraint.answers(
            loaded, texts, prompts, max_new_tokens, batch_size, progress, journal, each
        )
    read: dict[str, list[tuple[Window, Prediction]]] = {document.id: [] for document in documents}
    scored = line_log_probs(loaded, prompts, answers) if confidence else [None] * len(answers)
    for (document, window), answer, lines in zip(windows, answers, scored, strict=True):
        parsed = parse(answer, prompting.answer)
        prediction = NoteText(window.text).predict(document.id, parsed)
        if lines is not None:
            prediction = _with_confidence(prediction, answer, parsed, lines)
        read[document.id].append((window, prediction))
    merged = [merge_windows(document.id, read[document.id], prompting.votes) for document in documents]
    return merged, len(windows)


def _with_confidence(
    prediction: Prediction, written: str, answer: Answer, log_probs: Sequence[float]
) -> Prediction:
    """The prediction with the probability of each code's likeliest line."""
    malformed = {line.number for line in answer.malformed}
    numbers = [n for n, line in enumerate(written.split("\n"), 1) if line.strip() and n not in malformed]
    best: dict[str, float] = {}
    for line, number in zip(answer.lines, numbers, strict=False):
        best[line.code] = max(best.get(line.code, -math.inf), log_probs[number - 1])
    codes = [
        code.model_copy(update={"confidence": math.exp(min(0.0, best[code.code]))})
        for code in prediction.codes
    ]
    return prediction.model_copy(update={"codes": codes})
