"""Documents that are nearly the same, found without comparing all with all: MinHash (Broder 1997)."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

WORDS = 5  # of a shingle
_BANDS, _ROWS = 16, 4  # two texts that share 80% are compared with 99.98% probability, 50%: 64%
_SIZE = _BANDS * _ROWS
_PRIME = (1 << 31) - 1
_WORD = re.compile(r"\w+")
_RNG = np.random.default_rng(0)
_FACTORS = _RNG.integers(1, _PRIME, _SIZE, dtype=np.uint64)
_SHIFTS = _RNG.integers(0, _PRIME, _SIZE, dtype=np.uint64)

Sketch = NDArray[np.uint32]


def sketch(text: str) -> Sketch | None:
    """64 numbers; of two texts, about as many are equal as the share of 5-word runs that they have in common.

    None for a text of fewer than five words, which is like many others.
    """
    words = _WORD.findall(text.lower())
    if len(words) < WORDS:
        return None
    runs = {zlib.crc32(" ".join(words[at : at + WORDS]).encode()) for at in range(len(words) - WORDS + 1)}
    hashes = np.fromiter(runs, dtype=np.uint64, count=len(runs)) % _PRIME
    least = np.full(_SIZE, _PRIME, dtype=np.uint64)
    for begin in range(0, len(hashes), 4096):  # so that a long note takes little memory
        some = hashes[begin : begin + 4096, None]
        least = np.minimum(least, ((some * _FACTORS + _SHIFTS) % _PRIME).min(axis=0))
    return least.astype(np.uint32)


def similar_pairs(
    sketches: Sequence[Sketch | None], groups: Sequence[int], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Pairs of texts from different groups whose similarity (Jaccard, of 5-word runs) is at least so large.

    Args:
        groups: of each text, such as the number of its file.

    Yields:
        The two positions, in order, and the similarity, which is an estimate (± 0.05 at 0.8).
    """
    tried: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        alike: dict[bytes, list[int]] = defaultdict(list)
        for at, one in enumerate(sketches):
            if one is not None:
                alike[one[band * _ROWS : (band + 1) * _ROWS].tobytes()].append(at)
        for places in alike.values():
            for i, first in enumerate(places):
                for second in places[i + 1 :]:
                    if groups[first] != groups[second]:
                        tried.add((first, second))
    for first, second in sorted(tried):
        ours, theirs = sketches[first], sketches[second]
        share = float(np.mean(ours == theirs))
        if share >= threshold:
            yield first, second, share
