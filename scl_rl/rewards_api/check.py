"""Rewards tried on a few gold rows before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..answer.grammar import AnswerFormat, render
from ..answer.prompt import Completion, prompt_for
from ..corpus.types import Document
from ..errors import Problem, UserError
from ..scoring.judge import GoldDocument
from .call import Row, call_reward
from .load import bind, load_reward
from .rows import completion_of, row_of
from .supply import lacking, with_supplied

GARBAGE = '"" => ;; +#0 {"code": [\n\x00 ünreadable "' + "again and again " * 8


def trial_rows(
    documents: Iterable[Document], template: str, chat: bool, answer: AnswerFormat
) -> tuple[list[Row], list[Completion]]:
    """Three rows a document: answered with its gold, with nothing and with garbage.

    ``completion_ids`` stand in for a tokenizer's: the bytes of the answer.
    """
    rows: list[Row] = []
    completions: list[Completion] = []
    for document in documents:
        prompt = prompt_for(document.text, template, chat)
        gold = render(GoldDocument.of(document).gold_answer(), answer)
        for text in (gold, "", GARBAGE):
            rows.append({**row_of(document, prompt), "completion_ids": list(text.encode())})
            completions.append(completion_of(text, prompt))
    return rows, completions


def try_rewards(
    rewards: Iterable[tuple[str, dict[str, Any]]],
    base: Path,
    rows: Sequence[Row],
    completions: Sequence[Completion],
    answer: AnswerFormat,
    offered: Mapping[str, Path | None] | None = None,
) -> None:
    """Load each reward (its name and arguments) and call it once, with what is offered to it.

    One that can't do without what isn't there yet, such as a trained model, is loaded and not called.

    Raises:
        UserError: one can't be loaded, refuses its arguments, raises, or gives what is no reward; the
            problems of all of them.
    """
    problems: list[Problem] = []
    for name, arguments in rewards:
        try:
            loaded = load_reward(name, base)
            given = with_supplied(loaded, arguments, offered or {"base": base})
            function = bind(loaded, {"answer": answer, **given})
            if not lacking(loaded, given):
                call_reward(function, rows, completions, name=name)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(*problems)
