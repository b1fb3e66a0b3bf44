"""Which texts have been seen, in about 20 bytes for each, however long it is."""

from __future__ import annotations

from array import array
from hashlib import blake2b

_FREE = 0  # what a slot holds that no text is in; else the text's number + 1
_FEWEST_SLOTS = 1024
_GROW_AT = 2  # slots per text


class Seen:
    """Texts, numbered from 0 in the order in which they were first seen.

    A text is known by 64 bits of its BLAKE2b hash: that two of ten million different texts are taken for one
    has a probability of 3 in a million.
    """

    def __init__(self) -> None:
        self._keys = array("Q")
        self._slots = array("I", [_FREE]) * _FEWEST_SLOTS

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, text: str) -> bool:
        return self._slots[self._slot(_key(text))] != _FREE

    def number(self, text: str) -> int:
        """The number of a text. A new one is added, and gets the number that ``len`` was before."""
        key = _key(text)
        slot = self._slot(key)
        if self._slots[slot] != _FREE:
            return self._slots[slot] - 1
        self._keys.append(key)
        self._slots[slot] = len(self._keys)
        if len(self._keys) * _GROW_AT > len(self._slots):
            self._grow()
        return len(self._keys) - 1

    def _slot(self, key: int) -> int:
        """The slot that has a key, or the free one where it belongs."""
        slots, keys, mask = self._slots, self._keys, len(self._slots) - 1
        slot = key & mask
        while slots[slot] != _FREE and keys[slots[slot] - 1] != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        self._slots = array("I", [_FREE]) * (2 * len(self._slots))
        for number, key in enumerate(self._keys, 1):
            self._slots[self._slot(key)] = number


def _key(text: str) -> int:
    """64 bits of a hash, the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())
