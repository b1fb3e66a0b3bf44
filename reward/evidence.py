"""The headline reward: a code counts only if its quote is in the note and matches the gold evidence."""

from __future__ import annotations

from ..answer.grammar import Answer
from ..scoring import GoldDocument, Match, Occurrence, score_answer
from .adapter import Scored, per_answer
from .arguments import Beta, Cap
from .claims import scored


@per_answer
def evidence(
    answer: Answer,
    document: GoldDocument,
    *,
    beta: Beta = 1.0,
    soft: bool = True,
    match: Match = "overlap",
    occurrence: Occurrence = "given",
    mention_cap: Cap = 1,
) -> Scored | None:
    """F-beta over codes, in [0, 1], where a true positive is a *cited* code.

    With ``credit`` the sum over gold codes of what they earn, the score is
    ``(1 + beta²) credit / (beta² gold + claimed)``. A cited code earns the best overlap of its quotes with
    the gold evidence (``soft``) or 1; the lines of one code are taken together, as everywhere. ``claimed``
    counts the lines (a second line of the same code too), the malformed ones, and for each code

    - the mentions that are not in the note,
    - the located ones beyond ``mention_cap`` or, where those are more, its gold mentions, so that citing
      every place of a word, or every sentence, loses (a further line, which counts as such, may bring one),
    - the torn ones, which begin or end inside a word without being a gold mention, so that a letter does
      not earn the word around it.

    No gold codes and nothing claimed is 1. Abstains (None) where the evidence of a code was never
    annotated.

    Args:
        beta: above 1 a missing code costs more than a wrong one.
        match: how a quote may agree with the gold evidence: ``overlap`` (F1 of the words touched, which is
            what *cited* means), ``exact`` (the very place) or ``containment`` (inside the gold evidence).
        occurrence: ``any`` lets a quote stand for every place where its words occur. It then pays for the
            right words at the wrong place, a negated one or a relative's: use it where annotators marked
            one of several equally good places.
        mention_cap: with more than 1 it pays for every place of a word that stands no more often.

    With another ``match`` or ``occurrence`` the codes that are supported by that rule take the place of the
    cited ones; the logged figure ``cited`` stays what it is everywhere.

    ``match="containment"`` pays in full for part of the evidence. The definition is this project's own;
    gating a code by its evidence follows the joint measures of fact verification (FEVER score, Thorne et
    al. 2018).
    """
    if not document.has_evidence:
        return None
    found = score_answer(answer, document, occurrence=occurrence, match=match)
    return scored(found, beta=beta, soft=soft, mention_cap=mention_cap)
