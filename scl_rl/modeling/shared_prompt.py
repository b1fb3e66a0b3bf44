"""One reading of a prompt for all rows of a batch that begin with it, with gradients.

A batch of rows, each a prompt and an answer, is read in calls of two sorts: first the distinct prompts, all
but their last tokens; then, for each row, the prompt's last token and the answer, with the keys and values
of its prompt before them. The scores of the answers' tokens all come from the second sort. There are several
calls of it, with answers of about the same length in each, where that saves more padding than a call costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

_CALL = {"cpu": 64, "other": 1024}  # tokens that take as long as a call takes besides them


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
        calls: the places in ``rows`` of those whose answers are read together.
        all_tokens: tokens that are read when each row is read as a whole, padding included.
    """

    rows: Sequence[int]
    prompts: Sequence[int]
    owners: Sequence[int]
    starts: Sequence[int]
    splits: Sequence[int]
    ends: Sequence[int]
    calls: Sequence[Sequence[int]]
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
        lengths = [end - split for split, end in zip(splits, ends, strict=True)]
        calls = of_like_length(lengths, _CALL["cpu" if ids.device.type == "cpu" else "other"])
        return cls(rows, prompts, owners, starts, splits, ends, calls, ids.numel())

    @property
    def prompt_width(self) -> int:
        """The columns in which prompts are read."""
        return max(self.splits[owner] - 1 - self.starts[owner] for owner in self.owners)

    @property
    def tokens(self) -> int:
        """Tokens that are read, padding included."""
        widths = [max(self.ends[row] - self.splits[row] for row in call) for call in self.calls]
        answers = sum(len(call) * width for call, width in zip(self.calls, widths, strict=True))
        return len(self.owners) * self.prompt_width + answers

    def prompt_inputs(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """The model's inputs for the prompts: a row each, padded on the left."""
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

    def answer_inputs(
        self, call: Sequence[int], ids: torch.Tensor, labels: torch.Tensor, prompt_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The model's inputs for some answers: a row each, padded on the right.

        Their ``shift_labels`` are the tokens that come next, -100 where there is none.
        """
        rows, columns, real = self._places(call, ids.device)
        last = ids.shape[1] - 1
        return {
            "input_ids": ids[rows, columns.clamp(max=last)],
            "attention_mask": torch.cat([prompt_mask[[self.prompts[row] for row in call]], real.long()], 1),
            "position_ids": columns.clamp(max=last),
            "shift_labels": labels[rows, (columns + 1).clamp(max=last)].masked_fill(~real, -100),
        }

    def spread(self, values: Sequence[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        """The values of each call's columns in the places where a call over whole rows has them.

        Returns:
            Of shape (rows, columns - 1) of the batch ``like``; zero where no token of an answer is predicted.
        """
        places = [self._places(call, like.device) for call in self.calls]
        rows = torch.cat([rows.expand_as(columns)[real] for rows, columns, real in places])
        columns = torch.cat([columns[real] for _, columns, real in places])
        known = torch.cat([value[real] for value, (_, _, real) in zip(values, places, strict=True)])
        return known.new_zeros((like.shape[0], like.shape[1] - 1)).index_put((rows, columns), known)

    def _places(self, call: Sequence[int], device: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The rows and columns that a call reads, and which of them predict a token of an answer."""
        rows, splits, ends = (
            torch.tensor([of[row] for row in call], device=device)[:, None]
            for of in (self.rows, self.splits, self.ends)
        )
        columns = splits - 1 + torch.arange(int((ends - splits).max()), device=device)
        return rows, columns, columns < ends - 1


def of_like_length(lengths: Sequence[int], call: int) -> list[list[int]]:
    """Places of the lengths in groups, each padded to its longest, so that all take the fewest tokens.

    Args:
        call: what a group costs besides, in tokens.
    """
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    best, begin = [0.0], [0]  # of the first so many: their cost, and where their last group begins
    for end in range(1, len(order) + 1):
        costs = [best[start] + call + (end - start) * lengths[order[start]] for start in range(end)]
        begin.append(min(range(end), key=costs.__getitem__))
        best.append(costs[begin[-1]])
    groups, end = list[list[int]](), len(order)
    while end:
        groups.append(order[begin[end] : end])
        end = begin[end]
    return groups


def prompt_cache(model: Any) -> Cache:
    """What the call that reads prompts takes as ``past_key_values``."""
    return Cache(layers=[_Prompts() for _ in DynamicCache(config=model.config).layers])


def answer_cache(read: Cache, prompts: Sequence[int]) -> Cache:
    """What a call that reads answers takes. It does not grow, so that the call may be made twice.

    Args:
        prompts: for each row of the call, the prompt that it continues.
    """
    return Cache(layers=[_Answers(layer, prompts) for layer in read.layers])


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
            one = self._prompts[0]
            return states[one : one + 1].expand(len(self._prompts), -1, -1, -1)
        return states[self._prompts]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self._before(self._read.keys), self._before(self._read.values)
        return torch.cat([keys, key_states], -2), torch.cat([values, value_states], -2)

    def get_seq_length(self) -> int:
        return int(self._read.keys.shape[-2])
