"""The rows that rewards are asked about: a prompt and the columns beside it."""

from __future__ import annotations

from ..answer.prompt import Completion, Prompt
from ..corpus.types import Document
from .call import Row


def row_of(document: Document, prompt: Prompt) -> Row:
    """A document, or a window of one, as a row: ``prompt``, ``id``, ``text`` and ``annotations``.

    ``annotations`` are as in documents.jsonl, with offsets into ``text``; None for an unlabelled document.
    """
    labelled = document.annotations
    return {
        "prompt": prompt,
        "id": document.id,
        "text": document.text,
        "annotations": None
        if labelled is None
        else [annotation.model_dump(include={"code", "system", "mentions"}) for annotation in labelled],
    }


def completion_of(answer: str, prompt: Prompt) -> Completion:
    """An answer in the form in which TRL hands it to a reward: messages where the prompt is messages."""
    if isinstance(prompt, str):
        return answer
    return [{"role": "assistant", "content": answer}]
