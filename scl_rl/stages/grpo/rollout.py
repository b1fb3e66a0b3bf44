"""The answers that GRPO rewards, from the generator that evaluations and pairs use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ...modeling import ranks
from ...modeling.decode import Decoder, Request, Sampling
from ...modeling.generate import encode_prompt
from ...upstream.launch import sharded
from ...upstream.logs import ignore_experimental_rollout


@dataclass(frozen=True)
class Answers:
    """Token ids of rows: of their prompts and of their answers, which end with the token that ended them."""

    prompt_ids: list[list[int]]
    completion_ids: list[list[int]]

    @classmethod
    def of_rows(cls, number: int) -> Answers:
        """Room for the answers of so many rows."""
        return cls([[] for _ in range(number)], [[] for _ in range(number)])

    def put(self, rows: Sequence[int], answers: Answers) -> None:
        """Put answers in the place of those of some rows."""
        for at, prompt, written in zip(rows, answers.prompt_ids, answers.completion_ids, strict=True):
            self.prompt_ids[at], self.completion_ids[at] = prompt, written

    def tokens(self, row: int) -> int:
        """Of a row's prompt and answer."""
        return len(self.prompt_ids[row]) + len(self.completion_ids[row])


class Rollout:
    """TRL's ``rollout_func``: a prompt is read once for its group, and answers that have ended cost nothing.

    What is sampled depends on the seed, the optimizer step, the prompt and the answer's number in its group,
    and neither on the answers beside it nor on how groups are spread over processes.

    Args:
        config: the stage's GRPOConfig.

    Attributes:
        ready: the answers of the next call, if they were sampled before it.
    """

    ELSEWHERE = (
        "remove use_vllm, use_transformers_continuous_batching, cache_implementation, generation_kwargs, "
        "repetition_penalty and the sharding of weights"
    )
    """What to do where :meth:`can_replace` says no."""

    ready: Answers | None = None

    def __init__(self, config: Any) -> None:
        self._sampling = Sampling(
            config.seed, config.temperature, config.top_p, config.top_k or 0, config.min_p
        )
        self._max_tokens = config.max_completion_length
        ignore_experimental_rollout()

    @staticmethod
    def can_replace(config: Any) -> bool:
        """Whether nothing is asked for that TRL's own generation alone can do."""
        others = (config.use_vllm, config.use_transformers_continuous_batching, config.cache_implementation)
        return not (any(others) or config.generation_kwargs or config.repetition_penalty != 1.0 or sharded())

    def __call__(self, prompts: list[Any], trainer: Any) -> dict[str, Any]:
        """The answers of this process's prompts, each of which stands there once per answer.

        Returns:
            Token ids of ``prompt_ids`` and ``completion_ids``, which end with the token that ended them.
        """
        first = ranks.rank() * len(prompts)
        answers, self.ready = self.ready, None
        if answers is None:
            answers = self.sample(dict(enumerate(prompts, first)), trainer)
        return {"prompt_ids": answers.prompt_ids, "completion_ids": answers.completion_ids, "logprobs": None}

    def sample(self, prompts: Mapping[int, Any], trainer: Any) -> Answers:
        """Answers to the prompts of some rows.

        Args:
            prompts: by the row's number in the batch of all processes, in order.
        """
        if not prompts:
            return Answers([], [])
        group = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
        tokenizer = trainer.processing_class
        requests, prompt_ids = [], []
        for number, rows in groupby(prompts, lambda row: row // group):
            places = list(rows)
            ids = encode_prompt(tokenizer, prompts[places[0]])
            key = f"{trainer.state.global_step}/{number}/{ids}"
            requests.append(Request(ids, key, [place % group for place in places]))
            prompt_ids += [ids] * len(places)
        decoder = Decoder(
            trainer.model, trainer.eos_token_ids, tokenizer.pad_token_id, self._max_tokens, self._sampling
        )
        answers = decoder.answers(requests, rows=len(prompts))
        return Answers(prompt_ids, [answer for of_prompt in answers for answer in of_prompt])
