"""Taking some of the records of a set."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TypeVar

from .types import Document

Record = TypeVar("Record")


def sample_records(
    records: Sequence[Record], maximum: int | None, rng: random.Random | None = None
) -> list[Record]:
    """At most ``maximum`` of the records; all of them, in their order, if there are no more or it is None.

    With ``rng`` they are drawn at random and come in the order drawn; without, they are spaced evenly over
    all records and stay in order.
    """
    if maximum is None or maximum >= len(records):
        return list(records)
    if rng is not None:
        return rng.sample(records, maximum)
    return [records[i * len(records) // maximum] for i in range(maximum)]


def hashed_part(documents: Iterable[Document], start: float, end: float) -> list[Document]:
    """The documents whose ids are hashed into ``[start, end)`` of ``[0, 1)``, in their order.

    About a share of ``end - start`` of them. Adjacent parts have no document in common, and none moves from
    one to the other when documents are added.
    """
    return [document for document in documents if start <= _hashed(document.id) < end]


def _hashed(name: str) -> float:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
