"""The rule for "cited": the one place where it is decided."""

from __future__ import annotations

from dataclasses import dataclass

CITED_AT = 0.5
"""The least overlap, a token F1, at which a mention supports its code."""


@dataclass(frozen=True, slots=True)
class CodeVerdict:
    """What a document says of one predicted code. Only :meth:`.gold.GoldDocument.verdict` makes one.

    The words are those of the design:

    - *located*: a quote found in the text;
    - *supported*: a located mention that matches a gold mention of the same code;
    - *cited*: a predicted code that is in the gold codes and has a supported mention.

    Two mentions match if their overlap is at least :data:`CITED_AT`. The overlap is the F1 between the sets
    of ``\\w+`` tokens that they touch; a gold mention itself overlaps with 1, tokens or not. Mentions stand
    where the answer says that they do. A reward may ask for another match, or let mentions stand for every
    place where their words occur: what holds by that rule is *supported*, not *cited*.

    Attributes:
        in_gold: whether the document has the code.
        overlaps: for each mention its best overlap in [0, 1] with a gold mention of the code; 0 where it was
            not located or the code is not in gold.
        agreements: the same by the rule that was asked for; by default the overlaps themselves.
    """

    code: str
    in_gold: bool
    overlaps: tuple[float, ...]
    agreements: tuple[float, ...]

    @property
    def best(self) -> float:
        """The best overlap of any mention."""
        return max(self.overlaps, default=0.0)

    @property
    def agreement(self) -> float:
        """The best agreement of any mention, by the rule that was asked for."""
        return max(self.agreements, default=0.0)

    @property
    def cited(self) -> bool:
        """In the gold codes, with a mention that overlaps a gold mention of the code enough."""
        return self.in_gold and self.best >= CITED_AT

    @property
    def supported(self) -> bool:
        """In the gold codes, with a mention that agrees enough by the rule that was asked for."""
        return self.in_gold and self.agreement >= CITED_AT
