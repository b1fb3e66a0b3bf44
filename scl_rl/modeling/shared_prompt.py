"""One reading of a prompt for all rows of a batch that begin with it, with gradients.

A batch of rows, each a prompt and an answer, is read in two calls of the model: the distinct prompts, all
but their last tokens; then, for each row, the prompt's last token and the answer, with the keys and values
of its prompt before them. The scores of the answer's tokens all come from the second call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer


@dataclass(frozen=True)
class SharedRows:
    """How the rows of a batch are made of prompts and answers. Positions are columns of the batch.

    Attributes:
        rows: the rows that have an answer.
        prompts: for each of them, the number of its prompt.
        owners: for each prompt, the first row that begins with it.
        starts: for each of ``rows``, where its prompt begins.
        splits: where its answer begins.
        ends: where its answer has ended.
        all_tokens: tokens that are read when each row is read as a whole, padding included.
    """

    rows: Sequence[int]
    prompts: Sequence[int]
    owners: Sequence[int]
    starts: Sequence[int]
    splits: Sequence[int]
    ends: Sequence[int]
    all_tokens: int

    @classmethod
    def of(cls, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> SharedRows | None:
        """Take a batch apart; None where it is not made of prompts and answers.

        Args:
            ids: tokens, of shape (rows, columns).
            mask: 1 for tokens, 0 for padding, which stands on the left, on the right, or both.
            labels: the tokens of the answers in their places, -100 elsewhere.
        """
        attended, labelled = mask.bool().cpu(), (labels != -100).cpu()
        tokens = ids.cpu().numpy()
        found: dict[bytes, int] = {}
        rows, prompts, owners, starts, splits, ends = (list[int]() for _ in range(6))
        for row in range(len(tokens)):
            answer = labelled[row].nonzero()[:, 0]
            if not len(answer):
                continue
            read = attended[row].nonzero()[:, 0]
            start, split, end = int(read[0]), int(answer[0]), int(answer[-1]) + 1
            whole = len(read) == end - start and len(answer) == end - split and int(read[-1]) + 1 == end
            if not whole or split - start < 2:  # a prompt of one token leaves nothing to share
                return None
            # a prompt that begins in another column would be read in other positions
            key = start.to_bytes(8, "little") + tokens[row, start:split].tobytes()
            if key not in found:
                found[key] = len(owners)
                owners.append(len(rows))
            rows.append(row)
            prompts.append(found[key])
            starts.append(start)
            splits.append(split)
            ends.append(end)
        if not rows:
            return None
        return cls(rows, prompts, owners, starts, splits, ends, ids.numel())

    @property
    def prompt_width(self) -> int:
        """The columns of the first call."""
        return max(self.splits[owner] - 1 - self.starts[owner] for owner in self.owners)

    @property
    def answer_width(self) -> int:
        """The columns of the second call."""
        return max(end - split for split, end in zip(self.splits, self.ends, strict=True))

    @property
    def tokens(self) -> int:
        """Tokens that the two calls read, padding included."""
        return len(self.owners) * self.prompt_width + len(self.rows) * self.answer_width

    def prompt_inputs(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """The model's inputs for the first call: a row per prompt, padded on the left."""
        rows, starts, splits = (
            torch.tensor([of[owner] for owner in self.owners], device=ids.device)[:, None]
            for of in (self.rows, self.starts, self.splits)
        )
        columns = splits - 1 - self.prompt_width + torch.arange(self.prompt_width, device=ids.device)
        places = columns.clamp(min=0)
        return {
            "input_ids": ids[rows, places],
            "attention_mask": (columns >= starts).long(),
            "position_ids": places,
        }

    def answer_columns(self, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The columns that the second call reads, and which of them predict a token of an answer."""
        splits, ends = (torch.tensor(of, device=device)[:, None] for of in (self.splits, self.ends))
        columns = splits - 1 + torch.arange(self.answer_width, device=device)
        return columns, columns < ends - 1

    def answer_inputs(
        self, ids: torch.Tensor, labels: torch.Tensor, prompt_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The model's inputs for the second call: a row per answer, padded on the right.

        Its ``shift_labels`` are the tokens that come next, -100 where there is none.
        """
        columns, real = self.answer_columns(ids.device)
        rows = torch.tensor(self.rows, device=ids.device)[:, None]
        last = ids.shape[1] - 1
        return {
            "input_ids": ids[rows, columns.clamp(max=last)],
            "attention_mask": torch.cat([prompt_mask[list(self.prompts)], real.long()], 1),
            "position_ids": columns.clamp(max=last),
            "shift_labels": labels[rows, (columns + 1).clamp(max=last)].masked_fill(~real, -100),
        }

    def spread(self, values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Values of the second call's columns in the places where a call over whole rows has them.

        Returns:
            Of shape (rows, columns - 1) of the batch ``like``; zero where no token of an answer is predicted.
        """
        columns, real = self.answer_columns(values.device)
        rows = torch.tensor(self.rows, device=values.device)[:, None].expand_as(columns)
        spread = values.new_zeros((like.shape[0], like.shape[1] - 1))
        return spread.index_put((rows[real], columns[real]), values[real])


def caches(model: Any, prompts: Sequence[int]) -> tuple[Cache, Cache]:
    """What the two calls take as ``past_key_values``. Neither grows, so either call may be made twice.

    Args:
        prompts: for each row of the second call, the row of the first that it continues.
    """
    number = len(DynamicCache(config=model.config).layers)
    read = [_Prompts() for _ in range(number)]
    return Cache(layers=read), Cache(layers=[_Answers(layer, prompts) for layer in read])


class _Prompts(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values of the prompts: those of the last call."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.keys, self.values, self.is_initialized = key_states, value_states, True
        return key_states, value_states


class _Answers(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values of the answers, each after those of its prompt, which it doesn't keep."""

    def __init__(self, read: _Prompts, prompts: Sequence[int]) -> None:
        super().__init__()
        self._read = read
        self._prompts = list(prompts)
        self._one_for_all = len(set(prompts)) == 1
        self.is_initialized = True

    def _before(self, states: torch.Tensor) -> torch.Tensor:
        if self._one_for_all:
            return states[:1].expand(len(self._prompts), -1, -1, -1)
        return states[self._prompts]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self._before(self._read.keys), self._before(self._read.values)
        return torch.cat([keys, key_states], -2), torch.cat([values, value_states], -2)

    def get_seq_length(self) -> int:
        return int(self._read.keys.shape[-2])
