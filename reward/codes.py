"""Rewards on the codes alone, whatever is cited for them."""

from __future__ import annotations

from functools import lru_cache

from ..answer.grammar import Answer
from ..icd.codes import lineage, shared_levels
from ..scoring import GoldDocument
from .adapter import Scored, per_answer
from .arguments import Beta
from .claims import f_beta

_CATEGORY = 3  # levels down to the category: chapter, block, category
_CATEGORY_PAYS = 0.75


@per_answer
def code_f1(answer: Answer, document: GoldDocument, *, beta: Beta = 1.0) -> Scored:
    """F-beta over codes, in [0, 1], evidence aside: ``(1 + beta²) right / (beta² gold + claimed)``.

    ``claimed`` counts the lines, a second line of the same code too, and the malformed ones. No gold codes
    and nothing claimed is 1. It needs no gold evidence, so code-only documents count as well.

    It pays in full for right codes with any quote: a fabricated one, one from another document or place,
    the whole note. That is what it is for: beside ``evidence``, or as the control without it. Codes without
    a quote are malformed lines and earn nothing. F-measure: van Rijsbergen 1979.
    """
    right = len(answer.by_code().keys() & document.mentions.keys())
    claimed = len(answer.lines) + len(answer.malformed)
    score = f_beta(right, len(document.mentions), claimed, beta)
    return Scored(score, {"right": right, "gold": len(document.mentions), "claimed": claimed})


@per_answer
def hierarchy(answer: Answer, document: GoldDocument, *, beta: Beta = 1.0) -> Scored:
    """F-beta over codes with partial credit along the ICD tree, in [0, 1], evidence aside.

    As :func:`code_f1`, with ``right`` the sum of the closeness of predicted and gold codes, paired one to
    one so that it is largest: many guesses can't share one gold code. Closeness is 1 for the same code;
    0.25 where just the chapter is shared, 0.5 for the block, 0.75 for the category, and between 0.75 and 1
    for what is shared of the levels below. Codes that share no chapter have none, and then a guess costs
    as much as any wrong code: it never pays more than silence. Codes that the ICD-10-CM tables don't have
    stand below the longest shorter code that they do have, if there is one.

    It pays in full for any quote, as ``code_f1`` does, and in part for sibling and parent codes, which is
    what it is for. The idea of rewarding near misses by their place in the tree is that of hierarchical
    precision and recall (Kiritchenko et al. 2005; for ICD coding Falis et al. 2021); the weights are ours.
    """
    predicted, gold = list(answer.by_code()), list(document.mentions)
    near = _closeness(predicted, gold)
    claimed = len(answer.lines) + len(answer.malformed)
    score = f_beta(near, len(gold), claimed, beta)
    return Scored(score, {"closeness": near, "gold": len(gold), "claimed": claimed})


def _closeness(predicted: list[str], gold: list[str]) -> float:
    """The largest sum of closeness over pairs, no code in two of them."""
    same = set(predicted) & set(gold)  # nothing is closer, so these pairs are in a best pairing
    others = [code for code in predicted if code not in same]
    rest = [code for code in gold if code not in same]
    if not others or not rest:
        return float(len(same))
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    table = np.array([[_close(first, second) for second in rest] for first in others])
    rows, columns = linear_sum_assignment(table, maximize=True)
    return len(same) + float(table[rows, columns].sum())


@lru_cache(maxsize=100_000)
def _close(first: str, second: str) -> float:
    shared = shared_levels(first, second)
    if shared <= _CATEGORY:
        return _CATEGORY_PAYS * shared / _CATEGORY
    return _CATEGORY_PAYS + (1 - _CATEGORY_PAYS) * (shared - _CATEGORY) / (
        max(len(lineage(first)), len(lineage(second))) - _CATEGORY
    )
