"""What the bench found out about a reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .attack import Kind

Verdict = Literal["ok", "PAYS", "differs", "abstains", "ERROR", "not tried"]
BINS = 10


@dataclass(frozen=True)
class Finding:
    """How a reward took one attack.

    Attributes:
        documents: the documents that it applies to and that the reward does not abstain from.
        mean, gold: the mean reward of the attack and of gold on them; None where there are none.
        gap: gold minus mean.
        margin: the least gap that is asked for: the bench's margin times the mean share of the answer that
            the attack changes.
        reached: on which share of the documents the gap is smaller than asked for.
        seconds: how long the reward took.
        error: the one line of the reward's exception.
    """

    name: str
    kind: Kind
    teaches: str
    documents: int = 0
    mean: float | None = None
    gold: float | None = None
    gap: float | None = None
    margin: float | None = None
    reached: float | None = None
    verdict: Verdict = "not tried"
    seconds: float = 0.0
    error: str | None = None
    example: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Step:
    """What one more thing in half of a gold answer pays: the change of the reward."""

    name: str
    documents: int
    mean: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class Groups:
    """Simulated groups of completions of one prompt.

    Attributes:
        no_spread: the share of groups in which all rewards are equal: they teach nothing.
        spread: the mean standard deviation within groups.
        edges, counts: a histogram of all their rewards; ``counts[i]`` lie in [edges[i], edges[i + 1]), the
            last bin with its upper edge.
    """

    groups: int
    size: int
    no_spread: float | None
    spread: float | None
    edges: list[float]
    counts: list[int]
    error: str | None = None


@dataclass(frozen=True)
class Report:
    """All that the bench found out."""

    rewards: list[dict[str, Any]]
    answer: str
    documents: int
    left_out: int
    margin: float
    seed: int
    attacks: list[Finding]
    steps: list[Step]
    groups: Groups

    @property
    def passed(self) -> bool:
        """Whether no attack pays, and nothing went wrong."""
        errors = [f.error for f in self.attacks] + [self.groups.error]
        paid = [f.name for f in self.attacks if f.verdict == "PAYS"]
        return not any(errors) and not paid and self.tried

    @property
    def tried(self) -> bool:
        """Whether the reward said anything of any attack."""
        return any(finding.documents for finding in self.attacks)

    def as_dict(self, examples: bool = False) -> dict[str, Any]:
        """Plain values; completions, which hold words of notes, only if asked for."""
        shown = {**asdict(self), "passed": self.passed}
        if not examples:
            for finding in shown["attacks"]:
                del finding["example"]
        return shown


def histogram(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Ten equal bins over [0, 1], or as far as the values go where they leave it."""
    low, high = min(0.0, *values), max(1.0, *values)
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int((value - low) / (high - low) * BINS))] += 1
    return [low + (high - low) * i / BINS for i in range(BINS + 1)], counts
