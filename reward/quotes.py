"""Rewards on what is quoted: all of it right, in the note at all, in good form, a span."""

from __future__ import annotations

from ..answer.grammar import Answer
from ..scoring import GoldDocument, Match, Occurrence, score_answer
from .adapter import Scored, per_answer
from .arguments import Cap
from .claims import counts, extra, scored


@per_answer
def all_cited(
    answer: Answer,
    document: GoldDocument,
    *,
    complete: bool = True,
    match: Match = "overlap",
    occurrence: Occurrence = "given",
    mention_cap: Cap = 1,
) -> Scored | None:
    """1 if every code of the answer is cited and nothing else is claimed, else 0.

    Nothing else: no malformed line, no second line of a code, no mention that is not in the note, torn or
    beyond the cap. Another ``match`` or ``occurrence`` counts the codes that are supported by that rule
    instead of the cited ones. All of that is as in :func:`~scl_rl.reward.evidence.evidence`. With
    ``complete`` every gold code has to be there, too. Without, it is the strictest reading of what the
    metric ``all_cited`` counts; it then pays in full for an answer with codes left out, but never for
    silence where there are gold codes.

    Abstains (None) where the evidence of a code was never annotated.
    """
    if not document.has_evidence:
        return None
    found = score_answer(answer, document, occurrence=occurrence, match=match)
    more = found.malformed + found.duplicates + sum([extra(code, mention_cap) for code in found.codes])
    right = found.supported
    enough = right == found.gold if complete else bool(right) or not found.gold
    good = right == len(found.codes) and not more and enough
    return Scored(float(good), counts(found), found.describe)


@per_answer
def grounded(answer: Answer, document: GoldDocument) -> Scored:
    """The share of what was quoted that is in the note: ``located / (located + unlocated + malformed)``.

    In [0, 1]. ``located`` counts a quote once for each code, however often it is repeated; ``unlocated``
    counts every time. Nothing quoted is 1 where the document has no codes and 0 where it has, so silence is
    not the way to be grounded. It needs no gold evidence.

    By its nature it pays in full for any quote that is in the note, whatever code it is cited for and however
    long it is: other codes' evidence, negated mentions, single letters, the whole note, every sentence;
    and as much for few lines, or the same lines again, as for all. Use it as a small part of a sum, or
    with weight 0 to have it logged. The name is that of attributed question answering (Rashkin et al.
    2023); verbatim location is ours.
    """
    found = score_answer(answer, document)
    distinct = {(code.code, m.quoted) for code in found.codes for m in code.mentions if m.fragments}
    unlocated = found.mentions - found.located
    quoted = len(distinct) + unlocated + found.malformed
    score = len(distinct) / quoted if quoted else float(not found.gold)
    return Scored(score, {"located": len(distinct), "unlocated": unlocated, "malformed": found.malformed})


@per_answer
def format(answer: Answer, document: GoldDocument) -> Scored:
    """The share of lines in good form, in [0, 1]: ``lines / (lines + malformed)``, no code twice.

    A second line of a code counts as malformed. An answer without a line earns 1 where the document has
    no codes, else 0.

    By its nature it pays for anything in good form, be it wrong codes, fabricated quotes or half of the
    lines. Use it as a small part of a sum at the start of training. It needs no gold evidence.
    """
    lines, malformed = len(answer.lines), len(answer.malformed)
    duplicates = lines - len(answer.by_code())
    score = (lines - duplicates) / (lines + malformed) if lines + malformed else float(not document.mentions)
    return Scored(score, {"lines": lines, "malformed": malformed, "duplicates": duplicates})


@per_answer
def span(answer: Answer, document: GoldDocument, *, soft: bool = True) -> Scored | None:
    """The evidence reward on span prompts, where the note is the evidence; elsewhere it abstains (None).

    A span prompt has one annotation with one mention, and that is the whole text up to white space. The
    score in [0, 1] is ``2 credit / (1 + claimed)`` as in :func:`~scl_rl.reward.evidence.evidence`: the
    right code with the whole span as its quote earns 1, with part of it what the words touched overlap
    (``soft``), and less for every further line, made-up or torn quote. With it a recipe can weigh spans
    and documents apart in one batch.
    """
    if not _is_span(document):
        return None
    found = score_answer(answer, document)
    return scored(found, beta=1.0, soft=soft, mention_cap=1)


def _is_span(document: GoldDocument) -> bool:
    mentions = [mention for found in document.mentions.values() for mention in found]
    if len(document.mentions) != 1 or len(mentions) != 1 or len(mentions[0]) != 1:
        return False
    start, end = mentions[0][0]
    return not document.text[:start].strip() and not document.text[end:].strip()
