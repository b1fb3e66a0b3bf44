"""What an answer claims and what it earns: the sums behind the rewards about evidence."""

from __future__ import annotations

from ..scoring import AnswerScore, ScoredCode
from .adapter import Scored


def scored(found: AnswerScore, *, beta: float, soft: bool, mention_cap: int) -> Scored:
    """The evidence reward of an answer; :func:`~scl_rl.reward.evidence.evidence` says what it is."""
    credit = sum([_credit(code, soft) for code in found.codes])
    claimed = found.lines + found.malformed + sum([extra(code, mention_cap) for code in found.codes])
    score = f_beta(credit, found.gold, claimed, beta)
    return Scored(score, {"credit": credit, "claimed": claimed, **counts(found)}, found.describe)


def f_beta(credit: float, gold: int, claimed: float, beta: float) -> float:
    """``(1 + beta²) credit / (beta² gold + claimed)``; where nothing is claimed, whether gold is empty."""
    if not claimed:
        return float(not gold)
    return (1 + beta * beta) * credit / (beta * beta * gold + claimed)


def extra(code: ScoredCode, mention_cap: int) -> int:
    """What a code claims beyond its lines: mentions not in the note, torn, or beyond the cap."""
    located = code.located
    torn = sum([mention.torn for mention in code.mentions])
    beyond = max(0, located - max(mention_cap, code.gold_mentions) - (code.lines - 1))
    return len(code.mentions) - located + beyond + torn


def counts(found: AnswerScore) -> dict[str, float]:
    """The figures that the rewards about evidence log."""
    return {
        "gold": found.gold,
        "right": found.right,
        "cited": found.cited,
        "unlocated": found.mentions - found.located,
        "malformed": found.malformed,
    }


def _credit(code: ScoredCode, soft: bool) -> float:
    """What a code earns, by the match and the occurrence that were asked for; by default, if it is cited."""
    if not code.verdict.supported:
        return 0.0
    return code.verdict.agreement if soft else 1.0
