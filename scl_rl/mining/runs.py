"""Runs of words within a clause, each with a key that is the same in every text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..scoring.locate import fold
from ..scoring.match import TOKEN

_WORD_OR_END = re.compile(rf"({TOKEN.pattern})|[.,;:!?()\[\]¿¡\n\r]")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Runs:
    """The runs of a text, arrays of one length: by number of words, then from left to right.

    Attributes:
        keys: uint64; the same for the same words, in any case. Different words have different keys but for
            an accident of 64 bits.
        starts, ends: ``[start, end)`` in the text, in code points.
        words: how many words a run has.
    """

    keys: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    words: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)


class _WordKeys(dict[str, int]):
    """A key for each word, the same in every process."""

    def __missing__(self, word: str) -> int:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        key = self[word] = int.from_bytes(digest, "little")
        return key


_KEYS = _WordKeys()


def word_runs(text: str, max_words: int) -> Runs:
    """Every run of one to ``max_words`` words of a text; none goes over a clause's end or a line's."""
    folded = fold(text)
    starts: list[int] = []
    ends: list[int] = []
    keys: list[int] = []
    clauses: list[int] = []
    clause = 0
    for match in _WORD_OR_END.finditer(text):
        if match.lastindex is None:
            clause += 1
            continue
        starts.append(match.start())
        ends.append(match.end())
        keys.append(_KEYS[folded[match.start() : match.end()]])
        clauses.append(clause)
    return _runs(
        np.array(keys, dtype=np.uint64),
        np.array(starts, dtype=np.int64),
        np.array(ends, dtype=np.int64),
        np.array(clauses, dtype=np.int64),
        max_words,
    )


def _runs(
    words: NDArray[np.uint64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    clauses: NDArray[np.int64],
    max_words: int,
) -> Runs:
    keys = words
    found = [(keys, starts, ends, np.ones(len(words), dtype=np.int64))]
    for length in range(2, min(max_words, len(words)) + 1):
        last = length - 1
        keys = keys[:-1] * _FACTOR + words[last:]
        whole = clauses[:-last] == clauses[last:]
        count = int(whole.sum())
        if not count:
            break
        lengths = np.full(count, length, dtype=np.int64)
        found.append((keys[whole], starts[:-last][whole], ends[last:][whole], lengths))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return Runs(*columns)
