"""What every way of making spans gives to the filters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..corpus.types import DEFAULT_SYSTEM, Span
from ..scoring.locate import fold

NO_DETAILS: Mapping[str, Any] = MappingProxyType({})
_RISKY = frozenset({"other", "without", "and_or", "encounter", "parent", "reference", "typos"})


class Candidate(NamedTuple):
    """A wording of a code that may become a span.

    Attributes:
        source: the way it was made: ``tabular``, ``teacher`` or ``mined``.
        rules: the rules that made it, in order, the part of the tabular list that it comes from first.
        details: what else the span says of itself.
    """

    text: str
    code: str
    source: str
    rules: tuple[str, ...] = ()
    details: Mapping[str, Any] = NO_DETAILS

    @property
    def key(self) -> str:
        """The wording without case and white space: what makes two wordings the same."""
        return wording_key(self.text)

    @property
    def sure(self) -> bool:
        """Whether its rules keep the meaning; where several codes have a wording, sure ones win."""
        return self.source == "tabular" and _RISKY.isdisjoint(self.rules)

    def span(self, title: str) -> Span:
        """The span, with its provenance."""
        fields = {
            "text": self.text,
            "code": self.code,
            "system": DEFAULT_SYSTEM,
            "source": self.source,
            **({"rules": list(self.rules)} if self.rules else {}),
            **self.details,
            "title": title,
        }
        return Span.model_validate(fields)


def wording_key(text: str) -> str:
    """A wording folded, its white space collapsed."""
    return " ".join(fold(text).split())
