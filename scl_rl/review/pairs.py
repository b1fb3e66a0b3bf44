"""Preference pairs from reviews: chosen = as corrected, rejected = as the model had it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..answer.grammar import Answer, AnswerFormat, render
from ..answer.prompt import prompt_for
from ..answer.settings import PromptSettings
from ..corpus.types import CODE, Annotation, Document, Prediction
from ..corpus.windows import Window, split_windows
from ..rewards_api.call import completion_of
from ..scoring import GoldDocument, NoteText
from ..scoring.locate import fold


class Asking:
    """How a model is asked and answers: as its card says, or by default.

    Attributes:
        window: most tokens of a window; None = notes are read whole.
        length: how long a text is, in tokens.
    """

    def __init__(self, model: Path | None = None) -> None:
        prompt = PromptSettings()
        self.template, self.chat = prompt.template, prompt.chat
        self.answer: AnswerFormat = "lines"
        self.window: int | None = None
        self.length: Callable[[str], int] = len
        if model is not None:
            from ..modeling.load import read_card
            from ..preflight.lengths import TokenCounter

            card = read_card(model)
            counter = TokenCounter(model / "tokenizer.json")
            self.template, self.chat, self.answer = card.template, card.chat, card.answer
            self.window = card.window
            self.length = lambda text: len(counter(text, add_special_tokens=False)["input_ids"])

    def windows(self, document: Document) -> list[Window]:
        """What the model reads of a document at a time."""
        if self.window is None:
            return [Window(document.id, 0, 0, len(document.text), document.text, document.annotations)]
        return split_windows(document, self.window, self.length)

    def answers(self, document: Document, prediction: Prediction) -> list[Answer]:
        """What the model wrote, for each window.

        Quotes that are not in the note belong to no window, and are there only where the note is one window.
        """
        windows = self.windows(_as_document(document, prediction))
        if len(windows) == 1:
            return [NoteText(document.text).answer(prediction)]
        return [GoldDocument(window.text, window.annotations or ()).gold_answer() for window in windows]

    def for_page(self, documents: Iterable[Document]) -> dict[str, Any]:
        """What the page needs to write pairs, besides :meth:`windows_for_page`.

        Returns:
            ``template``, ``chat``, ``answer``; and ``folds``: what the scorer takes for the same as another
            character, of those that are not ASCII.
        """
        others = {character for document in documents for character in document.text if character > "\x7f"}
        folds = {character: fold(character) for character in sorted(others) if fold(character) != character}
        return {"template": self.template, "chat": self.chat, "answer": self.answer, "folds": folds}

    def windows_for_page(self, document: Document, prediction: Prediction) -> list[dict[str, Any]]:
        """The windows of a note as the page's script reads them.

        Returns:
            ``start`` and ``end`` in code points, and the model's ``answer``: for each line the code and its
            mentions, each a list of quotes with their occurrence.
        """
        both = zip(self.windows(document), self.answers(document, prediction), strict=True)
        return [
            {
                "start": window.start,
                "end": window.end,
                "answer": [
                    [line.code, [[[quote.text, quote.occurrence] for quote in m] for m in line.mentions]]
                    for line in answer.lines
                ],
            }
            for window, answer in both
        ]


def review_pairs(
    documents: list[Document], predictions: Mapping[str, Prediction], asking: Asking
) -> Iterator[dict[str, Any]]:
    """Pairs in the form that preference trainers read, with ``document``, ``kind`` and ``codes``.

    A note with a code without words gives none: its corrected answer would lack the code. Nor does a window
    in which nothing was corrected.
    """
    for document in documents:
        if any(annotation.mentions is None for annotation in document.annotations or ()):
            continue
        prediction = predictions[document.id]
        windows = asking.windows(document)
        answers = asking.answers(document, prediction)
        for number, (window, rejected) in enumerate(zip(windows, answers, strict=True)):
            chosen = GoldDocument(window.text, window.annotations or ()).gold_answer()
            if _plain(chosen) == _plain(rejected):
                continue
            prompt = prompt_for(window.text, asking.template, asking.chat)
            yield {
                "prompt": prompt,
                "chosen": completion_of(render(chosen, asking.answer), prompt),
                "rejected": completion_of(render(rejected, asking.answer), prompt),
                "document": document.id if len(windows) == 1 else f"{document.id}#{number}",
                "kind": "reviewed",
                "codes": sorted({line.code for line in set(chosen.lines) ^ set(rejected.lines)}),
            }


def _as_document(document: Document, prediction: Prediction) -> Document:
    """The prediction as annotations, without quotes that are not in the note and what can be no code."""
    found: dict[str, list[Any]] = {}
    for code in (code for code in prediction.codes if re.fullmatch(CODE, code.code)):
        located = [mention.fragments for mention in code.mentions if mention.fragments]
        found.setdefault(code.code, []).extend(located)
    annotations = [Annotation(code=code, mentions=mentions) for code, mentions in found.items() if mentions]
    return document.model_copy(update={"annotations": annotations})


def _plain(answer: Answer) -> set[Any]:
    """An answer whatever the order of its codes and of their words."""
    return {(code, frozenset(mentions)) for code, mentions in answer.by_code().items()}
