"""The headline reward: a code counts only if its quote is in the note and matches the gold evidence."""

from __future__ import annotations

from typing import Literal

from ..answer.grammar import Answer
from ..scoring.judge import GoldDocument
from .adapter import per_answer


@per_answer
def evidence(
    answer: Answer,
    document: GoldDocument,
    *,
    beta: float = 1.0,
    soft: bool = True,
    occurrence: Literal["given", "any"] = "given",
    mention_cap: int = 8,
) -> float | None:
    """F-beta over codes, in [0, 1], where a true positive is a *cited* code.

    With ``credit`` the sum over gold codes of what their line earns, the score is
    ``(1 + beta²) credit / (beta² gold + claimed)``. A cited code's line earns the best overlap of its
    quotes with the gold evidence (``soft``) or 1. ``claimed`` counts the lines (a second line of the same
    code too), the malformed ones, the quotes that are not in the note, and the mentions beyond
    ``mention_cap`` a line. No gold codes and nothing claimed is 1. Abstains (None) where the
    evidence of a code was never annotated.

    The definition is this project's own; gating a code by its evidence follows the joint measures of
    fact verification (FEVER score, Thorne et al. 2018).
    """
    if not document.has_evidence:
        return None
    credit: dict[str, float] = {}
    claimed = len(answer.lines) + len(answer.malformed)
    for line in answer.lines:
        mentions = [document.locate(mention) for mention in line.mentions[:mention_cap]]
        claimed += mentions.count(None) + max(0, len(line.mentions) - mention_cap)
        if line.code not in credit:
            verdict = document.verdict(line.code, mentions, anywhere=occurrence == "any")
            credit[line.code] = (verdict.best if soft else 1.0) if verdict.cited else 0.0
    if not document.mentions and not claimed:
        return 1.0
    weight = beta * beta
    return (1 + weight) * sum(credit.values()) / (weight * len(document.mentions) + claimed)
