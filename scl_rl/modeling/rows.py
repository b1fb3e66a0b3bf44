"""The cache of answers that are being written: one row each, dropped and refilled in place.

All rows end in the same column; a row that has read less begins further right. So a row needs no mask of
its own but its length, a row that ends is overwritten by the last one, and a prompt that was read elsewhere
is copied in beside rows that are half-way through their answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer


def can_be_cut(model: Any) -> bool:
    """Whether a model's cache is keys and values only, so that rows of it can be cut and copied."""
    layers = DynamicCache(config=model.config).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


class Rows:
    """Keys and values of several answers, to be handed to a model as ``past_key_values``.

    Attributes:
        lengths: tokens that each row has read or written, in the order of the rows.
        cache: what the model takes.
    """

    def __init__(self, most: int, room: int) -> None:
        """Room for ``most`` rows that get ``room`` tokens more than the first prompts have."""
        self.lengths: list[int] = []
        self.cache = Cache(layers=[])
        self._most = most
        self._room = room
        self._begin = self._end = 0  # the columns that hold something

    @property
    def width(self) -> int:
        """The tokens of the longest row."""
        return self._end - self._begin

    def add(self, read: DynamicCache, rows: Sequence[int], lengths: Sequence[int]) -> None:
        """Copy prompts in that were read elsewhere, padded on the left.

        Args:
            read: what a model made of the prompts; it must not be wider than the rows that are there.
            rows: for each new row, which of the prompts it begins with.
            lengths: for each new row, its prompt's tokens.
        """
        if not self.cache.layers:
            self.cache.layers = [_Layer(self, layer.keys is not None) for layer in read.layers]
        if not self.lengths:
            self._begin, self._end = 0, read.get_seq_length()
        first, width = len(self.lengths), read.get_seq_length()
        self.lengths += lengths
        index: Any = list(rows)
        for layer, new in zip(self.cache.layers, read.layers, strict=True):
            if layer.used:
                layer.reserve(new.keys, self._most, self._end, self._room)
                at = (slice(first, len(self.lengths)), slice(None), slice(self._end - width, self._end))
                layer.held[0][at] = new.keys[index]
                layer.held[1][at] = new.values[index]

    def inputs(self, tokens: Sequence[int], device: Any) -> dict[str, Any]:
        """The model's inputs for the next token of each row; they count as read from now on."""
        lengths = torch.tensor(self.lengths, device=device)
        columns = torch.arange(self.width + 1, device=device)
        self._make_room()
        return {
            "input_ids": torch.tensor(tokens, device=device)[:, None],
            "attention_mask": columns >= (self.width - lengths)[:, None],
            "position_ids": lengths[:, None],
            "past_key_values": self.cache,
            "use_cache": True,
        }

    def advance(self) -> None:
        """The model has taken the inputs in."""
        self._end += 1
        self.lengths = [length + 1 for length in self.lengths]

    def drop(self, ended: Sequence[int]) -> list[int]:
        """Remove rows; the last ones take their places. Returns the old number of each row that is left."""
        left = len(self.lengths) - len(ended)
        gone = set(ended)
        holes = [row for row in ended if row < left]
        movers = [row for row in range(left, len(self.lengths)) if row not in gone]
        order = list(range(left))
        for hole, mover in zip(holes, movers, strict=True):
            order[hole] = mover
        if movers:
            columns = slice(self._begin, self._end)
            for layer in self.cache.layers:
                for held in layer.held:
                    held[holes, :, columns] = held[movers, :, columns]
        self.lengths = [self.lengths[row] for row in order]
        self._begin = self._end - max(self.lengths, default=0)
        return order

    def _make_room(self) -> None:
        """For one more column: where the rows have moved to the right, back to the left, or else more."""
        layers = [layer for layer in self.cache.layers if layer.used]
        if self._end < layers[0].held[0].shape[2]:
            return
        columns = slice(self._begin, self._end)
        for layer in layers:
            layer.held = tuple(_moved(held, len(self.lengths), columns, self._room) for held in layer.held)
        self._begin, self._end = 0, self.width


def _moved(held: torch.Tensor, rows: int, columns: slice, room: int) -> torch.Tensor:
    """The columns at the left end of a tensor that has room for more."""
    width = columns.stop - columns.start
    new = held.new_zeros((held.shape[0], held.shape[1], width + room, held.shape[3]))
    new[:rows, :, :width] = held[:rows, :, columns]
    return new


class _Layer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, written in place instead of copied for every token."""

    def __init__(self, rows: Rows, used: bool) -> None:
        super().__init__()
        self.rows = rows
        self.used = used  # some models let several layers share the keys of one
        self.held: tuple[torch.Tensor, ...] = ()

    def reserve(self, like: torch.Tensor, most: int, width: int, room: int) -> None:
        if not self.held:
            shape = (most, like.shape[1], width + room, like.shape[3])
            # what is masked must be finite all the same
            self.held = like.new_zeros(shape), like.new_zeros(shape)
            self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the next column, and give back all of them."""
        rows, begin, end = len(self.rows.lengths), self.rows._begin, self.rows._end
        self.held[0][:rows, :, end : end + 1] = key_states
        self.held[1][:rows, :, end : end + 1] = value_states
        return self.held[0][:rows, :, begin : end + 1], self.held[1][:rows, :, begin : end + 1]

    def get_seq_length(self) -> int:
        """The columns before the one that is to be written."""
        return self.rows.width
