"""Runs of words within a clause, each with a key that is the same in every text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..scoring.locate import fold
from ..scoring.match import TOKEN

_WORD_OR_END = re.compile(rf"{TOKEN.pattern}|[.,;:!?()\[\]¿¡\n\r]")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_END = 0  # stands for the end of a clause among the keys of words

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Runs:
    """The runs of a text, arrays of one length: by number of words, then from left to right.

    Attributes:
        keys: uint64; the same for the same words, in any case. Different words have different keys but for
            an accident of 64 bits.
        starts, ends: ``[start, end)`` in the text, in code points.
        words: how many words a run has.
    """

    keys: Keys
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    words: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)


class _WordKeys(dict[str, int]):
    """A key for each word in any case, the same in every process; what ends a clause has one of its own."""

    def __missing__(self, word: str) -> int:
        digest = blake2b(fold(word).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        key = self[word] = int.from_bytes(digest, "little") if TOKEN.match(word) else _END
        return key


_KEYS = _WordKeys()


def run_keys(text: str, max_words: int) -> Keys:
    """The keys of every run of one to ``max_words`` words of a text, in the order of :class:`Runs`."""
    words, clauses = _words(text)
    return np.concatenate([keys[whole] for keys, whole in _by_length(words, clauses, max_words)])


def word_runs(text: str, max_words: int) -> Runs:
    """Every run of one to ``max_words`` words of a text; none goes over a clause's end or a line's."""
    words, clauses = _words(text)
    places = np.array([match.span() for match in TOKEN.finditer(text)], dtype=np.int64).reshape(-1, 2)
    columns = [
        (
            keys[whole],
            places[: len(whole), 0][whole],
            places[length:, 1][whole],
            np.full(whole.sum(), length + 1),
        )
        for length, (keys, whole) in enumerate(_by_length(words, clauses, max_words))
    ]
    return Runs(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _words(text: str) -> tuple[Keys, NDArray[np.int64]]:
    """The key of each word and the number of its clause."""
    found = np.array([_KEYS[word] for word in _WORD_OR_END.findall(text)], dtype=np.uint64)
    ends = found == _END
    return found[~ends], np.cumsum(ends)[~ends]


def _by_length(
    words: Keys, clauses: NDArray[np.int64], max_words: int
) -> Iterator[tuple[Keys, NDArray[np.bool_]]]:
    """For one word, two words and so on: the key of the run from each word; whether it is in one clause."""
    keys = words
    yield keys, np.ones(len(keys), dtype=np.bool_)
    for last in range(1, min(max_words, len(words))):
        keys = keys[:-1] * _FACTOR + words[last:]
        yield keys, clauses[:-last] == clauses[last:]
