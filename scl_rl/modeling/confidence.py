"""How likely a model finds each line of an answer, given the note and the lines before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..answer.prompt import Prompt
from .generate import encode_prompt
from .load import Loaded

_AT_ONCE = 2048  # tokens, padding included


def line_log_probs(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    answers: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> list[list[float]]:
    """For each answer the log-probability, in nats, of each of its lines: the sum over the line's tokens.

    Lines are those between line feeds, blank ones too; the line feed belongs to the line that it ends. The
    end of the answer counts for no line. Probabilities are the model's own, also of answers that were held to
    rules.
    """
    import torch

    loaded.model.eval()
    found: list[list[float]] = [[] for _ in answers]
    rows = [_row(loaded, prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    ready = 0
    for numbers in _batches([len(ids) for ids, _, _ in rows]):
        width = max(len(rows[number][0]) for number in numbers)
        padded = [rows[n][0] + [loaded.tokenizer.pad_token_id] * (width - len(rows[n][0])) for n in numbers]
        attended = [[1] * len(rows[n][0]) + [0] * (width - len(rows[n][0])) for n in numbers]
        device = loaded.model.device
        with torch.inference_mode():
            logits = loaded.model(
                input_ids=torch.tensor(padded, device=device),
                attention_mask=torch.tensor(attended, device=device),
            ).logits
        for number, scores in zip(numbers, logits, strict=True):
            ids, start, lines = rows[number]
            wanted = torch.tensor(ids[start:], device=device)
            log_probs = scores[start - 1 : len(ids) - 1].float().log_softmax(dim=-1)
            each = log_probs.gather(1, wanted[:, None])[:, 0].tolist()
            found[number] = [0.0] * (answers[number].count("\n") + 1)
            for line, value in zip(lines, each, strict=True):
                found[number][line] += value
            ready += 1
            if progress:
                progress(ready, len(answers))
    return found


def _row(loaded: Loaded, prompt: Prompt, answer: str) -> tuple[list[int], int, list[int]]:
    """The ids of prompt and answer, where the answer begins, and the line of each of its tokens."""
    begin = encode_prompt(loaded.tokenizer, prompt)
    encoded: Any = loaded.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)
    lines = [answer.count("\n", 0, start) for start, _ in encoded["offset_mapping"]]
    return begin + list(encoded["input_ids"]), len(begin), lines


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of rows, the longest first, so many at a time as fit."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    while order:
        size = max(1, _AT_ONCE // max(1, lengths[order[0]]))
        yield order[:size]
        order = order[size:]
