"""Taking some of the records of a set."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

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
