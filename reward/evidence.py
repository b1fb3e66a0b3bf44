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
    ``(1 + beta²) credit / (beta² gold + claimed)``. A cited code earns the best overlap of its quotes with
    the gold evidence (``soft``) or 1; the lines of one code are taken together, as everywhere. ``claimed``
    counts the lines (a second line of the same code too), the malformed ones, the mentions that are not
    in the note, and a code's mentions beyond ``mention_cap``, or beyond its gold mentions where those are
    more. No gold codes and nothing claimed is 1. Abstains (None) where the evidence of a code was never
    annotated. Located quotes of the wrong words cost nothing up to the cap.

    The definition is this project's own; gating a code by its evidence follows the joint measures of
    fact verification (FEVER score, Thorne et al. 2018).
    """
    if not document.has_evidence:
        return None
    credit = 0.0
    claimed = len(answer.lines) + len(answer.malformed)
    for code, quoted in answer.by_code().items():
        mentions = [document.locate(mention) for mention in quoted]
        allowed = max(mention_cap, len(document.mentions.get(code, ())))
        claimed += mentions.count(None) + max(0, len(mentions) - allowed)
        verdict = document.verdict(code, mentions, anywhere=occurrence == "any")
        if verdict.cited:
            credit += verdict.best if soft else 1.0
    if not claimed:
        return 0.0 if document.mentions else 1.0
    weight = beta * beta
    return (1 + weight) * credit / (weight * len(document.mentions) + claimed)
