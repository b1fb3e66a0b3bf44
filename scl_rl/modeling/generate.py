"""Greedy generation in batches of prompts of like length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..answer.prompt import Prompt
from .load import Loaded


def encode_prompt(tokenizer: Any, prompt: Prompt) -> list[int]:
    """Token ids of a prompt, through the chat template if it is a conversation."""
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    return list(
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)["input_ids"]
    )


def generate(
    loaded: Loaded,
    prompts: list[Prompt],
    max_new_tokens: int,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    constrain: Callable[[list[int]], Any] | None = None,
) -> list[str]:
    """The model's greedy answers, in the order of the prompts.

    Args:
        progress: called after each batch with (answers so far, all).
        constrain: the logits processor for a batch, given which prompts its rows are.
    """
    import torch

    tokenizer, model = loaded.tokenizer, loaded.model
    encoded = [encode_prompt(tokenizer, prompt) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda i: -len(encoded[i]))
    answers = [""] * len(prompts)
    training = model.training
    model.eval()
    for at in range(0, len(order), batch_size):
        rows = order[at : at + batch_size]
        longest = max(len(encoded[i]) for i in rows)
        padded = [[tokenizer.pad_token_id] * (longest - len(encoded[i])) + encoded[i] for i in rows]
        mask = [[0] * (longest - len(encoded[i])) + [1] * len(encoded[i]) for i in rows]
        with torch.inference_mode():
            output = model.generate(
                input_ids=torch.tensor(padded, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                logits_processor=[constrain(rows)] if constrain else None,
            )
        for i, new in zip(rows, output[:, longest:], strict=True):
            answers[i] = tokenizer.decode(new, skip_special_tokens=True)
        if progress:
            progress(at + len(rows), len(order))
    model.train(training)
    return answers
