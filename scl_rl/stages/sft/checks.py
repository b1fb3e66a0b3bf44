"""What does not go with how SFT is done here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import Problem
from ..shared.checks import of_field


def sft_checks(config: Mapping[str, Any], processes: int) -> Iterator[Problem]:
    if config.get("packing"):
        what = "needs max_length, which the recipe's 'window' stands for"
        yield of_field("packing", what, "remove it: batches are already of like length")
    if config.get("assistant_only_loss"):
        yield of_field("assistant_only_loss", "the loss is on the answer alone already", "remove it")
