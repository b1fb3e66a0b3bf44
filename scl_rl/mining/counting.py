"""Counting, in memory that does not grow with the number of runs: in which notes a run of words occurs.

A run's key is hashed to a slot; two runs in one slot are counted as one. There are sixteen slots for every
character of the notes while that takes less than 2 GB, so that it hardly ever happens; beyond, rare runs
share slots with others and get weaker.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from .runs import Keys, run_keys

_FEWEST_BITS = 16
_MOST_BITS = 31
_SLOTS_A_CHARACTER = 16
_MIX = np.uint64(0xD6E8FEB86659FD93)
_STRETCH = 1 << 24  # slots looked through at once

Ids = NDArray[np.int64]


class RunCounts:
    """The runs that occur in enough notes, numbered, with the number of notes of each.

    Attributes:
        notes: how many notes were counted.
        frequency: by a run's number, how many notes have it; filled in by :class:`NoteIndex`.
    """

    def __init__(self, texts: Iterable[str], max_words: int, min_notes: int, characters: int) -> None:
        """Count once over the texts.

        Args:
            min_notes: a run in fewer notes has no number.
            characters: about how long all texts are together.
        """
        wanted = max(characters, 1) * _SLOTS_A_CHARACTER
        bits = min(max((wanted - 1).bit_length(), _FEWEST_BITS), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._max_words = max_words
        self.notes = 0
        counts = np.zeros(1 << bits, dtype=np.uint8)
        for text in texts:
            self.notes += 1
            slots = self._slots(run_keys(text, max_words))
            counts[slots] = np.minimum(counts[slots], min_notes - 1) + 1  # once, however often it stands here
        self._numbered = np.concatenate(
            [
                np.flatnonzero(counts[start : start + _STRETCH] >= min_notes).astype(np.uint32)
                + np.uint32(start)
                for start in range(0, len(counts), _STRETCH)
            ]
        )
        self.frequency = np.zeros(len(self._numbered), dtype=np.uint32)

    def _slots(self, keys: Keys) -> NDArray[np.uint32]:
        mixed = (keys ^ (keys >> np.uint64(32))) * _MIX
        return (mixed >> self._shift).astype(np.uint32)

    def numbers(self, keys: Keys) -> Ids:
        """The number of each run by its key; -1 for runs in too few notes."""
        slots, places = np.unique(self._slots(keys), return_inverse=True)
        return self._find(slots)[places]

    def of_text(self, text: str) -> Ids:
        """The numbers of a text's runs, each once, in order."""
        slots = np.sort(self._slots(run_keys(text, self._max_words)))
        numbers = self._find(slots[np.r_[True, slots[1:] != slots[:-1]][: len(slots)]])
        return numbers[numbers >= 0]

    def _find(self, slots: NDArray[np.uint32]) -> Ids:
        """The number of each slot. In order they are found sooner, as neighbours lie close in memory."""
        if not len(self._numbered):
            return np.full(len(slots), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._numbered, slots), len(self._numbered) - 1)
        return np.where(self._numbered[at] == slots, at, -1)


class NoteIndex:
    """The runs of every note that has a code, kept in a temporary file while codes are gone through."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="scl-rl-runs-")  # noqa: SIM115 - closed by __exit__
        self._ends = [0]
        self._notes: dict[str, list[int]] = {}

    def __enter__(self) -> NoteIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, runs: Ids, codes: Iterable[str]) -> None:
        """The runs of the next note, and its codes."""
        note = len(self._ends) - 1
        self._file.write(runs.astype(np.uint32).tobytes())
        self._ends.append(self._ends[-1] + len(runs))
        for code in codes:
            self._notes.setdefault(code, []).append(note)

    def by_code(self) -> Iterator[tuple[str, int, Ids, Ids]]:
        """For each code: its notes, the runs that stand in them, and in how many of them each stands."""
        self._file.flush()
        if not self._ends[-1]:
            return
        stored = np.memmap(self._file, dtype=np.uint32, mode="r")
        for code, notes in sorted(self._notes.items()):
            runs = np.concatenate([stored[self._ends[n] : self._ends[n + 1]] for n in notes])
            found, both = np.unique(runs, return_counts=True)
            yield code, len(notes), found.astype(np.int64), both
