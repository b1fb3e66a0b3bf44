"""Warnings about a GRPO run in words: a reward that is gamed, clipped answers, nothing to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, median, variance
from typing import Any

RECENT = 4  # steps that a warning about the present looks back on
FLAT = 3  # steps in a row in which the rewards of every group are equal
MOST_CUT_OFF = 0.10
MOST_ABSTAINED = 0.5
MOST_KL = 1.0  # nats a token
LEAST_FALL = 0.03  # of joint F1, about the noise of a check on 50 documents
LEAST_RISE = 0.02  # of the reward, as a share of what it was

Figures = Mapping[str, Any]
"""One step: ``step`` and, as far as they are known, ``reward``, ``kl``, ``frac_reward_zero_std``,
``abstained``, ``length`` (tokens), ``clipped_ratio``, ``malformed`` (lines a completion), ``grounded``,
``resampled_groups`` (a batch) and ``dev_joint_f1``; those without a unit are shares in [0, 1]."""


class Monitor:
    """Follows a training run step by step and warns in words, once about each thing.

    Attributes:
        steps: the figures of every step so far.
        checks: joint F1 on dev documents by step; the reward never sees it.
        warnings: what was warned of, in order.
    """

    def __init__(self, total_steps: int, most_tokens: int) -> None:
        self.steps: list[Figures] = []
        self.checks: dict[int, float] = {}
        self.warnings: list[str] = []
        self._total = total_steps
        self._most_tokens = most_tokens
        self._told: set[str] = set()

    def check(self, step: int, joint_f1: float) -> list[str]:
        """Take a dev check in; the new warnings."""
        self.checks[step] = joint_f1
        return self._news()

    def step(self, figures: Figures) -> list[str]:
        """Take the figures of the next step in; the new warnings."""
        self.steps.append(figures)
        return self._news()

    def series(self, name: str) -> list[Any]:
        """One figure over the steps."""
        return [figures.get(name) for figures in self.steps]

    def _news(self) -> list[str]:
        found = {
            "gamed": self._gamed(),
            "cut off": self._clipped_ratio(),
            "flat": self._flat(),
            "abstained": self._abstained(),
            "kl": self._far(),
        }
        new = {kind: words for kind, words in found.items() if words and kind not in self._told}
        self._told |= new.keys()
        self.warnings += new.values()
        return list(new.values())

    def _recent(self, name: str, steps: int = RECENT) -> list[float]:
        """A figure at the last steps, or nothing before there are so many (or all that there will be)."""
        if len(self.steps) < min(steps, self._total):
            return []
        return [value for value in self.series(name)[-steps:] if value is not None]

    def _gamed(self) -> str:
        """The best dev check against the latest, and the reward on the way to each."""
        if len(self.checks) < 2:
            return ""
        latest = max(self.checks)
        if latest < self._total and (not self.steps or self.steps[-1]["step"] < latest):
            return ""  # the figures of that step come after its check
        best = max(self.checks, key=lambda step: (self.checks[step], -step))
        before, after = self._rewards_until(best), self._rewards_until(latest)
        if self.checks[best] - self.checks[latest] < LEAST_FALL or not before or not after:
            return ""
        rise = fmean(after) - fmean(before)
        noise = sum(variance(values) / len(values) if len(values) > 1 else 0.0 for values in (before, after))
        if rise <= max(LEAST_RISE * abs(fmean(before)), 2 * noise**0.5):
            return ""
        return (
            f"the reward rose from {fmean(before):.2f} to {fmean(after):.2f} while joint F1 on dev documents "
            f"fell from {self.checks[best]:.2f} (step {best}) to {self.checks[latest]:.2f} (step {latest}): "
            "the policy may be learning to please the reward; look at its answers, and try the reward with "
            "'scl-rl reward probe'"
        )

    def _rewards_until(self, check: int) -> list[float]:
        """The rewards of the steps between the check before and this one; for the first, those after it."""
        ordered = sorted(self.checks)
        place = ordered.index(check)
        start, end = (ordered[place - 1], check) if place else (check, ordered[1])
        return [
            figures["reward"]
            for figures in self.steps
            if start < figures["step"] <= end and figures.get("reward") is not None
        ]

    def _clipped_ratio(self) -> str:
        recent = self._recent("clipped_ratio")
        if not recent or fmean(recent) <= MOST_CUT_OFF:
            return ""
        return (
            f"{fmean(recent):.0%} of the completions of the last {len(recent)} steps were cut off at "
            f"{self._most_tokens} tokens: raise max_completion_length, or an answer's end is never rewarded"
        )

    def _flat(self) -> str:
        recent = self._recent("frac_reward_zero_std", FLAT)
        if not recent or min(recent) < 1.0:
            return ""
        return (
            f"in the last {len(recent)} steps all completions of a group earned the same, so nothing was "
            "learned: raise temperature or num_generations; if that doesn't help, the task is too hard for "
            "this model as it is, or too easy"
        )

    def _abstained(self) -> str:
        recent = self._recent("abstained")
        if not recent or fmean(recent) <= MOST_ABSTAINED:
            return ""
        return (
            f"every reward abstained on {fmean(recent):.0%} of the completions of the last {len(recent)} "
            "steps: nothing is learned from those; add a reward that says something of such rows"
        )

    def _far(self) -> str:
        recent = self._recent("kl")
        if not recent or median(recent) <= MOST_KL:
            return ""
        return (
            f"the policy has moved far from the model it started from, {median(recent):.1f} nats a token "
            f"(KL, over the last {len(recent)} steps): lower learning_rate or raise beta"
        )


def in_words(figures: Figures) -> str:
    """A step's figures on one line."""
    shown = [
        ("reward", "reward {:.3f}"),
        ("frac_reward_zero_std", "{:.0%} of groups with equal rewards"),
        ("resampled_groups", "{:.1f} groups resampled"),
        ("length", "{:.0f} tokens long"),
        ("clipped_ratio", "{:.0%} clipped"),
        ("malformed", "{:.1f} malformed lines"),
        ("grounded", "{:.0%} of quotes grounded"),
        ("kl", "KL {:.3f}"),
    ]
    known = [(figures.get(name), form) for name, form in shown]
    return ", ".join(form.format(value) for value, form in known if value is not None)
