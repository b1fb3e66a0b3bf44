"""Several sampled answers to each prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..answer.prompt import Prompt
from .generate import encode_prompt
from .load import Loaded


def batch_of(batch_size: int, samples: int) -> int:
    """How many prompts are answered together."""
    return max(1, batch_size // samples)


def sample_answers(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    samples: int,
    *,
    temperature: float,
    top_p: float = 1.0,
    max_new_tokens: int,
    batch_size: int,
    seed: int,
    first: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[list[str]]:
    """``samples`` answers to each prompt, in the order of the prompts, a group at a time.

    Prompts are taken in batches; the seed and the batch's number decide what is sampled, so that sampling
    which stopped can go on from ``first``, a multiple of :func:`batch_of`.

    Args:
        batch_size: answers generated together; at least one prompt's.
        progress: called after each batch with (prompts so far, all).
    """
    import torch

    tokenizer, model = loaded.tokenizer, loaded.model
    together = batch_of(batch_size, samples)
    training = model.training
    for at in range(first, len(prompts), together):
        rows = [encode_prompt(tokenizer, prompt) for prompt in prompts[at : at + together]]
        longest = max(map(len, rows))
        padded = [[tokenizer.pad_token_id] * (longest - len(row)) + row for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        model.eval()
        torch.manual_seed(seed * 1_000_003 + at)
        with torch.inference_mode():
            output = model.generate(
                input_ids=torch.tensor(padded, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                max_new_tokens=max_new_tokens,
                do_sample=True,
                temperature=temperature,
                top_p=top_p,
                top_k=0,
                num_return_sequences=samples,
                pad_token_id=tokenizer.pad_token_id,
            )
        model.train(training)
        answers = tokenizer.batch_decode(output[:, longest:], skip_special_tokens=True)
        for group in range(len(rows)):
            yield answers[group * samples : (group + 1) * samples]
        if progress:
            progress(min(at + together, len(prompts)), len(prompts))
