"""What a check finds, by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import Problem

ERRORS = {
    "malformed": "lines that no command would read",
    "empty-text": "documents without text",
    "same-id": "ids that are in two files",
    "same-text": "documents that are in two files",
    "similar-text": "documents that are nearly the same in two files",
    "same-group": "groups, such as a patient's documents, that are in two files",
    "contradiction": "annotations that contradict each other",
}
WARNINGS = {
    "repeated-text": "documents that are in a file twice",
    "repeated-span": "spans that are in a file twice",
    "several-codes": "spans whose words stand for several codes",
    "unknown-code": "codes that their system does not have",
    "retired-code": "codes that are no longer billable",
    "not-billable": "codes with more specific codes below them",
    "no-seventh": "codes without their seventh character",
    "spelling": "codes that their system writes otherwise",
    "inside-word": "mentions that begin or end inside a word",
    "blank-mention": "mentions without a letter or digit",
    "repeated-mention": "mentions that a code has twice",
    "overlap": "fragments of a mention that overlap",
    "excludes1": "codes that can't be coded together, by an Excludes1 note",
    "unchecked-system": "codes of a system whose codes are not known",
}
KINDS = {**ERRORS, **WARNINGS}


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: of :data:`KINDS`.
        problem: where it is (``file:line``), what is wrong, what to do. It has no word of a note.
        times: how often it occurs; ``problem`` tells of the first.
    """

    kind: str
    problem: Problem
    times: int = 1

    @property
    def is_error(self) -> bool:
        """Whether it makes the data unfit for training or evaluation."""
        return self.kind in ERRORS


@dataclass(frozen=True)
class Survey:
    """All findings, errors first, and how many records were read of each file."""

    findings: Sequence[Finding]
    records: dict[str, int]

    def counts(self) -> Counter[str]:
        """Kind → how many things are wrong in that way."""
        counts: Counter[str] = Counter()
        for finding in self.findings:
            counts[finding.kind] += finding.times
        return counts

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "records": self.records,
            "counts": dict(self.counts()),
            "findings": [
                {
                    "kind": finding.kind,
                    "error": finding.is_error,
                    "where": finding.problem.where,
                    "what": finding.problem.what,
                    "hint": finding.problem.hint,
                    "times": finding.times,
                }
                for finding in self.findings
            ],
            "passed": not any(finding.is_error for finding in self.findings),
        }


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By kind, in the order of :data:`KINDS`; within a kind as they were found."""
    order = list(KINDS)
    return sorted(findings, key=lambda finding: order.index(finding.kind))
