"""Documents that are nearly the same, found without comparing all with all: MinHash (Broder 1997)."""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

WORDS = 5  # of a shingle
_BANDS, _ROWS = 16, 4  # two texts that share 80% are compared with 99.98% probability, 50%: 64%
_SIZE = _BANDS * _ROWS
_COMPARED = 100  # texts, at most, with which one is compared in a band
_PRIME = (1 << 31) - 1
_WORD = re.compile(r"\w+")
_RNG = np.random.default_rng(0)
_FACTORS = _RNG.integers(1, _PRIME, _SIZE, dtype=np.uint64)
_SHIFTS = _RNG.integers(0, _PRIME, _SIZE, dtype=np.uint64)

Sketch = NDArray[np.uint8]


def sketch(text: str) -> Sketch | None:
    """64 bytes; of two texts, about as many are equal as the share of 5-word runs that they have in common.

    They are the low bytes of the least hashes (b-bit MinHash, Li and König 2010): one in 256 is equal by
    chance. None for a text of fewer than five words, which is like many others.
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
    return least.astype(np.uint8)  # their low bytes


class Sketches:
    """Sketches of texts in groups, such as files: 76 bytes for each text."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._groups = array("I")
        self._names = array("Q")

    def add(self, text: str, group: int, name: int) -> None:
        """Add a text, unless it has fewer than five words.

        Args:
            group: its number; groups are added one after the other, in order.
            name: whatever number the text is to be known by.
        """
        made = sketch(text)
        if made is not None:
            self._bytes += made.tobytes()
            self._groups.append(group)
            self._names.append(name)

    def similar(self, threshold: float) -> Iterator[tuple[int, int, float]]:
        """Texts to which one of another group that was added earlier is similar, in order.

        In each band a text is compared with the first hundred of those that are equal to it there, so that a
        phrase that all texts share costs no more than others.

        Args:
            threshold: similarity (Jaccard, of 5-word runs) from which texts are similar.

        Yields:
            The name of the earlier text that is most similar, the text's name, and the similarity, which is
            an estimate (± 0.05 at 0.8).
        """
        if len(self._names) < 2:
            return
        sketches = np.frombuffer(self._bytes, dtype=np.uint8).reshape(-1, _SIZE)
        groups = np.frombuffer(self._groups, dtype=np.uint32)
        best: dict[int, tuple[float, int]] = {}
        for band in range(_BANDS):
            for alike in _equal(sketches[:, band * _ROWS : (band + 1) * _ROWS], groups):
                for text in alike[groups[alike] != groups[alike[0]]]:
                    earlier = alike[:_COMPARED]
                    earlier = earlier[groups[earlier] < groups[text]]
                    shares = np.mean(sketches[earlier] == sketches[text], axis=1)
                    at = int(np.argmax(shares))
                    found = float(shares[at]), -int(earlier[at])
                    best[int(text)] = max(best.get(int(text), found), found)
        for text, (share, at) in sorted(best.items()):
            if share >= threshold:
                yield self._names[-at], self._names[text], share


def _equal(band: Sketch, groups: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """The positions, in order, of sketches that are equal in a band, unless they are all of one group."""
    keys = np.ascontiguousarray(band).view(np.uint32).ravel()
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=keys[order[:1]] + 1))
    ends = np.append(begins[1:], len(order))
    in_order = groups[order]
    mixed = np.minimum.reduceat(in_order, begins) != np.maximum.reduceat(in_order, begins)
    for begin, end in zip(begins[mixed], ends[mixed], strict=True):
        yield order[begin:end]
