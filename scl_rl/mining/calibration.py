"""What the scores of a miner are worth, measured where evidence is annotated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..corpus.types import Document
from ..scoring import GoldDocument
from .miner import EvidenceMiner

THRESHOLDS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def calibration(
    miner: EvidenceMiner, documents: Iterable[Document], thresholds: Sequence[float] = THRESHOLDS
) -> list[dict[str, Any]]:
    """How much evidence of known codes is found, and how much of it is right, from a score upwards.

    Args:
        documents: annotated ones that the miner did not learn from.

    Returns:
        For each threshold ``min_score``: ``found``, for how many codes evidence has at least this score;
        ``precision``, the share of those that are cited (None without any); ``recall``, the share of all
        codes with annotated evidence that are.
    """
    scored: list[tuple[float, bool]] = []
    codes = 0
    for document in documents:
        gold = GoldDocument.of(document)
        known = [code for code, mentions in gold.mentions.items() if mentions]
        codes += len(known)
        for code, mined in miner.mine(document.text, known).items():
            scored.append((mined.score, gold.verdict(code, mined.mentions).cited))
    rows = []
    for threshold in thresholds:
        above = [cited for score, cited in scored if score >= threshold]
        rows.append(
            {
                "min_score": threshold,
                "found": len(above),
                "precision": sum(above) / len(above) if above else None,
                "recall": sum(above) / codes if codes else None,
            }
        )
    return rows
