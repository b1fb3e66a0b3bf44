"""Joint figures by tier: what was learned from each kind of supervision.

In the synthetic corpus each annotation says which tier its wording belongs to. A right code is counted
in its annotation's tier. A wrong code is charged to the tier of the wording that it cites (a trap, or
another code's evidence); one that cites neither, to every tier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..corpus.types import Document, Fragment
from ..scoring import CodeVerdict, GoldDocument, overlap
from ..scoring.tally import Counts

JOINED = "AB"


class TierTally:
    """Counts by tier, and over tiers A and B together."""

    def __init__(self) -> None:
        self._counts: dict[str, Counts] = {}
        self._everywhere = 0

    @property
    def found(self) -> bool:
        """Whether any document named tiers."""
        return bool(self._counts)

    def add(
        self,
        document: Document,
        gold: GoldDocument,
        predicted: Mapping[str, Sequence[Sequence[Fragment] | None]],
        verdicts: Mapping[str, CodeVerdict],
    ) -> None:
        """Count one document."""
        tiers = {a.code: (a.model_extra or {}).get("tier") for a in document.annotations or ()}
        tier_of = {code: str(tier) for code, tier in tiers.items() if tier}
        known = [
            (gold.tokens.touched(mention), tier_of[code])
            for code, mentions in gold.mentions.items()
            if code in tier_of
            for mention in mentions
        ]
        for trap in getattr(document, "traps", None) or ():
            known.append((gold.tokens.touched(trap["fragments"]), str(trap["tier"])))
        for code, tier in tier_of.items():
            right = code in verdicts and verdicts[code].cited
            self._count(tier, Counts(tp=1) if right else Counts(fn=1))
        for code, verdict in verdicts.items():
            if verdict.cited:
                continue
            wrong_tier = tier_of.get(code) or _tier_of_place(gold, predicted[code], known)
            if wrong_tier:
                self._count(wrong_tier, Counts(fp=1))
            else:
                self._everywhere += 1

    def _count(self, tier: str, counts: Counts) -> None:
        self._counts[tier] = self._counts.get(tier, Counts()) + counts

    def as_dict(self) -> dict[str, dict[str, float]]:
        """PRF by tier, in order, and for tiers A and B together under ``AB``."""
        wrong = Counts(fp=self._everywhere)
        figures = {tier: (self._counts[tier] + wrong).as_dict() for tier in sorted(self._counts)}
        both = sum((self._counts.get(tier, Counts()) for tier in JOINED), wrong)
        return {**figures, JOINED: both.as_dict()}


def _tier_of_place(
    gold: GoldDocument,
    mentions: Sequence[Sequence[Fragment] | None],
    known: Sequence[tuple[frozenset[int], str]],
) -> str | None:
    """The tier of the wording that the mentions touch most, if they touch any."""
    touched = [gold.tokens.touched(mention) for mention in mentions if mention]
    best = max(
        ((overlap(mine, theirs), tier) for mine in touched for theirs, tier in known), default=(0.0, "")
    )
    return best[1] if best[0] > 0 else None
