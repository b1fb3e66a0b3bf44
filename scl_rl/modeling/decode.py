"""Decoding many answers together: each prompt is read once, and a row that ends makes room for another.

What is drawn for an answer depends on the seed, the prompt's key and the sample's number, and not on what is
decoded beside it. Scores do differ in their last bits with the number of rows and their padding: in float32
that hardly ever changes a token, in bfloat16 now and then.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from transformers import (
    DynamicCache,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ..upstream.launch import sharded
from .finite import check_scores
from .rows import Rows, can_be_cut

_READ = 8192  # prompt tokens, padding included, that are read at once
_REFILL = 4  # a batch is filled up again when this part of it (a quarter) is free


class Rule(Protocol):
    """What one answer may consist of."""

    def allowed(self) -> npt.NDArray[np.bool_]:
        """For each token, whether it may come next; tokens beyond its length may not."""

    def take(self, token: int) -> None:
        """The token that was chosen."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn, filtered in the order of transformers' ``generate``.

    Args:
        top_k: the likeliest tokens that are kept; 0 = all.
    """

    seed: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float | None = None

    def filters(self) -> Any:
        """Temperature and filters as transformers' logits processors."""
        found = LogitsProcessorList()
        if self.temperature != 1.0:
            found.append(TemperatureLogitsWarper(self.temperature))
        if self.top_k:
            found.append(TopKLogitsWarper(self.top_k))
        if self.top_p < 1.0:
            found.append(TopPLogitsWarper(self.top_p))
        if self.min_p is not None:
            found.append(MinPLogitsWarper(self.min_p))
        return found


@dataclass(frozen=True)
class Request:
    """A prompt to answer.

    Args:
        key: with the seed and the sample's number it decides what is drawn.
        samples: numbers of the answers that are wanted.
        rule: makes the rule of one answer.
    """

    prompt: Sequence[int]
    key: str = ""
    samples: Sequence[int] = (0,)
    rule: Callable[[], Rule] | None = None


@dataclass
class _Answer:
    """One answer while it is written."""

    request: int
    sample: int
    rule: Rule | None
    draws: npt.NDArray[np.float64] | None
    tokens: list[int] = field(default_factory=list)

    def draw(self) -> float:
        assert self.draws is not None
        return float(self.draws[len(self.tokens)])


class Decoder:
    """Decodes with one model.

    Args:
        ends: the tokens that end an answer.
        sampling: absent, the likeliest token is taken.
    """

    def __init__(
        self, model: Any, ends: Sequence[int], pad: int, most_tokens: int, sampling: Sampling | None = None
    ) -> None:
        self._model = model
        self._ends = frozenset(ends)
        self._pad = pad
        self._most_tokens = most_tokens
        self._sampling = sampling
        self._filters = sampling.filters() if sampling else LogitsProcessorList()
        takes = inspect.signature(_base(model).forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self._shares = {"attention_mask", "position_ids", "past_key_values"} <= takes.keys()

    def answers(
        self,
        requests: Sequence[Request],
        rows: int,
        done: Callable[[int], None] = lambda request: None,
        plainly: bool = False,
    ) -> list[list[list[int]]]:
        """For each request the tokens of its answers; the token that ends one is included.

        Args:
            rows: answers that are written at the same time; at least one request's.
            done: called with a request's number when all its answers are there.
            plainly: with the model's own ``generate``, as is done where its cache can't be cut.
        """
        missing = [len(request.samples) for request in requests]
        written: list[list[list[int]]] = [[[]] * count for count in missing]
        shared = self._shares and not plainly and can_be_cut(self._model)
        with _ready(self._model):
            for answer in (self._decode if shared else self._generate)(requests, rows):
                number = answer.request
                written[number][requests[number].samples.index(answer.sample)] = answer.tokens
                missing[number] -= 1
                if not missing[number]:
                    done(number)
        return written

    def _decode(self, requests: Sequence[Request], rows: int) -> Iterator[_Answer]:
        waiting = deque(sorted(range(len(requests)), key=lambda n: (-len(requests[n].prompt), n)))
        most = max(rows, *(len(request.samples) for request in requests)) if requests else rows
        cache, writing = Rows(most, self._most_tokens), list[_Answer]()
        while waiting or writing:
            free = most - len(writing)
            wanted = max(len(requests[waiting[0]].samples), most // _REFILL) if waiting else most + 1
            if free >= wanted:
                writing += self._admit(requests, waiting, free, cache)
            else:
                logits = self._model(
                    **cache.inputs([answer.tokens[-1] for answer in writing], self._model.device),
                    **self._last_only,
                ).logits[:, -1]
                cache.advance()
                self._extend(writing, logits)
            ended = [row for row, answer in enumerate(writing) if self._ended(answer)]
            if ended:
                yield from (writing[row] for row in ended)
                writing = [writing[row] for row in cache.drop(ended)]

    def _admit(
        self, requests: Sequence[Request], waiting: deque[int], free: int, cache: Rows
    ) -> list[_Answer]:
        """Read prompts, the longest first, until the free rows are taken; the first token of each answer."""
        begun: list[_Answer] = []
        while waiting:
            numbers: list[int] = []
            widest = len(requests[waiting[0]].prompt)
            while waiting and free >= len(requests[waiting[0]].samples):
                if numbers and widest * (len(numbers) + 1) > _READ:
                    break
                numbers.append(waiting.popleft())
                free -= len(requests[numbers[-1]].samples)
            if not numbers:
                break
            logits, read = self._read([requests[number].prompt for number in numbers])
            answers = [self._begin(number, requests) for number in numbers]
            of = [row for row, group in enumerate(answers) for _ in group]
            cache.add(read, of, [len(requests[numbers[row]].prompt) for row in of])
            new = [answer for group in answers for answer in group]
            self._extend(new, logits[of])
            begun += new
        return begun

    def _begin(self, number: int, requests: Sequence[Request]) -> list[_Answer]:
        request = requests[number]
        return [
            _Answer(
                number,
                sample,
                request.rule() if request.rule else None,
                _draws(self._sampling.seed, request.key, sample, self._most_tokens)
                if self._sampling
                else None,
            )
            for sample in request.samples
        ]

    def _padded(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Prompts padded on the left, and their mask."""
        width = max(map(len, prompts))
        ids = [[self._pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        device = self._model.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

    def _read(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, DynamicCache]:
        """The scores of what comes after each prompt, and what the model keeps of it."""
        ids, mask = self._padded(prompts)
        cache = DynamicCache()
        logits = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            **self._last_only,
        ).logits
        return logits[:, -1], cache

    def _extend(self, answers: Sequence[_Answer], logits: torch.Tensor) -> None:
        """Give each answer its next token."""
        for answer, token in zip(answers, self.choose(answers, logits), strict=True):
            answer.tokens.append(token)
            if answer.rule:
                answer.rule.take(token)

    def choose(self, answers: Sequence[_Answer], logits: torch.Tensor) -> list[int]:
        """The next token of each answer, from scores of shape (answers, tokens).

        Raises:
            NotFiniteError: of an answer's scores one is NaN or infinite.
        """
        scores = logits.float()
        if any(answer.rule for answer in answers):
            scores = scores.masked_fill(_forbidden(answers, scores), float("-inf"))
        if self._sampling is None:
            peaks, tokens = scores.max(-1)
            check_scores(peaks)
            return list(tokens.tolist())
        shares = torch.softmax(self._filters(None, scores), -1).cumsum(-1, dtype=torch.float64)
        check_scores(shares[:, -1])
        draws = torch.tensor([answer.draw() for answer in answers], dtype=torch.float64, device=scores.device)
        return list(torch.searchsorted(shares, (draws * shares[:, -1])[:, None], right=True)[:, 0].tolist())

    def _ended(self, answer: _Answer) -> bool:
        return answer.tokens[-1] in self._ends or len(answer.tokens) == self._most_tokens

    def _generate(self, requests: Sequence[Request], rows: int) -> Iterator[_Answer]:
        """The same with ``generate``: what it takes as the likeliest token is what was chosen here."""
        order = sorted(range(len(requests)), key=lambda n: (-len(requests[n].prompt), n))
        answers = [answer for number in order for answer in self._begin(number, requests)]
        for first in range(0, len(answers), rows):
            batch = answers[first : first + rows]
            ids, mask = self._padded([requests[answer.request].prompt for answer in batch])
            self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=self._most_tokens,
                do_sample=False,
                eos_token_id=sorted(self._ends),
                pad_token_id=self._pad,
                logits_processor=[_Chosen(self, batch)],
            )
            yield from batch


class _Chosen:
    """A logits processor that leaves the chosen token alone, and writes it down."""

    def __init__(self, decoder: Decoder, answers: list[_Answer]) -> None:
        self._decoder = decoder
        self._answers = answers

    def __call__(self, input_ids: Any, scores: torch.Tensor) -> torch.Tensor:
        decoder = self._decoder
        open_ = [row for row, a in enumerate(self._answers) if not (a.tokens and decoder._ended(a))]
        decoder._extend([self._answers[row] for row in open_], scores[open_])
        chosen = torch.full_like(scores, float("-inf"))
        chosen[open_, [self._answers[row].tokens[-1] for row in open_]] = 0.0
        ended = [row for row in range(len(self._answers)) if row not in open_]
        chosen[ended, [self._answers[row].tokens[-1] for row in ended]] = 0.0
        return chosen


def _forbidden(answers: Sequence[_Answer], scores: torch.Tensor) -> torch.Tensor:
    """What the answers' rules don't allow; models have more scores than tokens."""
    width = scores.shape[1]
    forbidden = np.zeros((len(answers), width), dtype=bool)
    for number, answer in enumerate(answers):
        if answer.rule:
            allowed = answer.rule.allowed()[:width]
            forbidden[number] = True
            forbidden[number, : len(allowed)] = ~allowed
    return torch.from_numpy(forbidden).to(scores.device)


def _draws(seed: int, key: str, sample: int, count: int) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1) for one answer's tokens: the same on every machine."""
    digest = hashlib.blake2b(f"{seed}/{key}/{sample}".encode(), digest_size=16).digest()
    bits = np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64)).random_raw(count)
    numbers: npt.NDArray[np.float64] = (bits >> np.uint64(32)) / 2.0**32
    return numbers


def _base(model: Any) -> Any:
    """The model without an adapter's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def _ready(model: Any) -> Iterator[None]:
    """The model as it is asked, not as it is trained: an adapter computes in the numbers of its base.

    In numbers of its own each of its products casts what goes in and what comes out, a third of the time.
    """
    training = model.training
    model.eval()
    adapter = {p: p.data for n, p in model.named_parameters() if "lora_" in n} if not sharded() else {}
    try:
        for weight, held in adapter.items():
            weight.data = held.to(model.dtype)
        with torch.inference_mode():
            yield
    finally:
        for weight, held in adapter.items():
            weight.data = held
        model.train(training)
