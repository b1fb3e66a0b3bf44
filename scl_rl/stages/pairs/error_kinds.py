"""What is wrong with an answer, in a word for each kind."""

from __future__ import annotations

from typing import Literal

from ...answer.grammar import Answer
from ...scoring import GoldDocument, score_answer

ErrorKind = Literal[
    "wrong_evidence", "not_located", "wrong_code", "missing_code", "duplicate", "malformed", "inconsistent"
]
"""``wrong_evidence``: a gold code that cites something else; ``not_located``: a quote that is not there;
``wrong_code``: a code that is not in gold; ``inconsistent``: none of these, and yet the reward pays less."""

SEVEREST_FIRST: tuple[ErrorKind, ...] = (
    *("wrong_evidence", "not_located", "wrong_code", "missing_code", "duplicate", "malformed"),
    "inconsistent",
)


def errors_of(answer: Answer, gold: GoldDocument) -> dict[ErrorKind, int]:
    """How often each kind of error is in an answer; kinds that aren't are left out."""
    found = score_answer(answer, gold)
    outcomes = [code.outcome for code in found.codes]
    counts: dict[ErrorKind, int] = {
        "wrong_evidence": outcomes.count("wrong evidence"),
        "not_located": found.mentions - found.located,
        "wrong_code": outcomes.count("wrong code"),
        "missing_code": found.gold - found.right,
        "duplicate": found.duplicates,
        "malformed": found.malformed,
    }
    return {kind: number for kind, number in counts.items() if number}


def worse_in(rejected: dict[ErrorKind, int], chosen: dict[ErrorKind, int]) -> list[ErrorKind]:
    """The kinds of which the rejected answer has more than the chosen one, the severest first."""
    more = [kind for kind in SEVEREST_FIRST if rejected.get(kind, 0) > chosen.get(kind, 0)]
    return more or ["inconsistent"]
