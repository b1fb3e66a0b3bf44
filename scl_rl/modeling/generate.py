"""Answers to prompts, greedy or sampled, free or constrained: everything that generates does so here."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..answer.prompt import Prompt
from ..upstream.launch import sharded
from .load import Loaded

if TYPE_CHECKING:
    from .decode import Rule, Sampling
    from .journal import AnswerJournal

_CHUNK = 4  # batches that are answered before anything is handed out


def encode_prompt(tokenizer: Any, prompt: Prompt) -> list[int]:
    """Token ids of a prompt, through the chat template if it is a conversation."""
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    return list(
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)["input_ids"]
    )


def end_tokens(loaded: Loaded) -> frozenset[int]:
    """The tokens that end an answer."""
    config = getattr(loaded.model, "generation_config", None)
    given = getattr(config, "eos_token_id", None)
    ends = given if isinstance(given, list) else [given]
    return frozenset(int(end) for end in [*ends, loaded.tokenizer.eos_token_id] if end is not None)


def generate(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    rule: Callable[[int], Rule] | None = None,
    journal: AnswerJournal | None = None,
) -> list[str]:
    """The model's greedy answers, in the order of the prompts. See :func:`generate_groups`.

    Args:
        journal: keeps the answers as they are made, and has those of an earlier try.
    """
    known = dict(journal.answers) if journal else {}
    groups = generate_groups(
        loaded, prompts, max_new_tokens, batch_size, done=set(known), progress=progress, rule=rule
    )
    for number, (answer,) in groups:
        known[number] = answer
        if journal:
            journal.add(number, answer)
    return [known[number] for number in range(len(prompts))]


def generate_groups(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    batch_size: int,
    *,
    samples: int = 1,
    sampling: Sampling | None = None,
    rule: Callable[[int], Rule] | None = None,
    done: Container[int] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """``samples`` answers to each prompt, as (number of the prompt, its answers), the longest prompts first.

    They are made in chunks, which depend on the prompts and the sizes alone, and handed out when a chunk is
    done. So work that was interrupted ends with the same answers as if it had not been.

    Args:
        batch_size: answers generated at the same time; at least one prompt's.
        sampling: absent, answers are greedy.
        rule: given a prompt's number, makes what one of its answers is held to.
        done: prompts that need no answer any more; what is made of them again is not handed out.
        progress: called after each prompt with (prompts so far, all).

    Raises:
        NotFiniteError: the model's scores are NaN or infinite.
    """
    from .decode import Decoder, Request
    from .finite import NotFiniteError

    decoder = Decoder(
        loaded.model, sorted(end_tokens(loaded)), loaded.tokenizer.pad_token_id, max_new_tokens, sampling
    )
    encoded = [encode_prompt(loaded.tokenizer, prompt) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda n: (-len(encoded[n]), n))
    chunk = max(1, _CHUNK * batch_size // samples)
    ready = 0

    def count(number: int) -> None:
        nonlocal ready
        ready += 1
        if progress:
            progress(min(ready, len(prompts)), len(prompts))

    def request(number: int) -> Request:
        held = (lambda: rule(number)) if rule else None
        return Request(encoded[number], str(number), range(samples), held)

    for first in range(0, len(order), chunk):
        numbers = order[first : first + chunk]
        left = [number for number in numbers if number not in done]
        if not left:
            ready += len(numbers)
            continue
        try:
            answers = decoder.answers(
                [request(number) for number in numbers], batch_size, count, plainly=sharded()
            )
        except NotFiniteError as error:
            raise NotFiniteError(f"model '{loaded.name}': {error}") from None
        for number, group in zip(numbers, answers, strict=True):
            if number in left:
                yield number, loaded.tokenizer.batch_decode(group, skip_special_tokens=True)
