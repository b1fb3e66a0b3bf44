"""Code systems behind one interface: ICD-10-CM's own tables, and any other from a file of its codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from . import codes as cm
from .normalise import CIE_10_ES, ICD_10_CM, normalised


class Status(StrEnum):
    """What a claim makes of a code."""

    BILLABLE = "billable"
    NOT_BILLABLE = "not billable"
    """More specific codes stand below it."""
    CUT = "without its seventh character"
    RETIRED = "retired"
    """It was billable in an earlier release."""
    UNKNOWN = "unknown"


class CodeSystem(ABC):
    """A set of codes: which there are, what they are called, what stands under what.

    All methods take a code in any spelling that :func:`scl_rl.icd.normalise.normalised` understands.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def normalised(self, code: str) -> str:
        """The code as the system writes it."""
        return normalised(code, self.name)

    @abstractmethod
    def status(self, code: str) -> Status:
        """Whether a claim may carry the code, else why not."""

    @abstractmethod
    def title(self, code: str) -> str | None:
        """What the code is called; None where the system has no such code."""

    @abstractmethod
    def parents(self, code: str) -> list[str]:
        """What the code stands under, nearest first; none for a code that the system doesn't have."""

    @abstractmethod
    def children(self, code: str) -> list[str]:
        """What stands directly under the code."""

    @abstractmethod
    def codes(self) -> Iterator[str]:
        """All billable codes."""


class Icd10Cm(CodeSystem):
    """ICD-10-CM as its tables have it.

    Also stands for CIE-10-ES, Spain's edition of it, in which corpora cut codes before the seventh character:
    such a code is as good as a billable one there.
    """

    def __init__(self, name: str = ICD_10_CM) -> None:
        super().__init__(name)
        self._may_be_cut = name == CIE_10_ES

    def status(self, code: str) -> Status:
        if cm.is_billable(code):
            return Status.BILLABLE
        if cm.lacks_seventh(code):
            return Status.BILLABLE if self._may_be_cut else Status.CUT
        if cm.retired(code):
            return Status.RETIRED
        return Status.NOT_BILLABLE if cm.is_valid(code) else Status.UNKNOWN

    def title(self, code: str) -> str | None:
        return cm.title(code) if cm.is_valid(code) else None

    def parents(self, code: str) -> list[str]:
        return cm.parents(code) if cm.is_valid(code) else []

    def children(self, code: str) -> list[str]:
        return cm.children(code) if cm.is_valid(code) else []

    def codes(self) -> Iterator[str]:
        yield from cm.billable_codes()


class Listed(NamedTuple):
    """A code of a file."""

    title: str
    billable: bool | None
    """None if the file doesn't say; then it is if none of its codes is more specific."""


class CodeList(CodeSystem):
    """A code system from a file. A code stands under each shorter one that it begins with.

    Args:
        listed: normalised code → what the file says of it.
    """

    def __init__(self, name: str, listed: Mapping[str, Listed]) -> None:
        super().__init__(name)
        self._listed = {code.replace(".", ""): (code, row) for code, row in listed.items()}
        self._sorted = sorted(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def status(self, code: str) -> Status:
        bare = self._bare(code)
        _, row = self._listed.get(bare, (code, None))
        if row is not None and row.billable:
            return Status.BILLABLE
        if self._more_specific(bare):
            return Status.NOT_BILLABLE
        if row is None:
            return Status.UNKNOWN
        return Status.BILLABLE if row.billable is None else Status.NOT_BILLABLE

    def title(self, code: str) -> str | None:
        found = self._listed.get(self._bare(code))
        return None if found is None else found[1].title

    def parents(self, code: str) -> list[str]:
        bare = self._bare(code)
        if bare not in self._listed:
            return []
        shorter = (bare[:length] for length in range(len(bare) - 1, 0, -1))
        return [self._listed[start][0] for start in shorter if start in self._listed]

    def children(self, code: str) -> list[str]:
        bare = self._bare(code)
        below: list[str] = []
        for longer in self._beginning(bare):
            if not (below and longer.startswith(below[-1])):  # sorted: a parent comes right before its own
                below.append(longer)
        return [self._listed[one][0] for one in below]

    def codes(self) -> Iterator[str]:
        for code, _ in self._listed.values():
            if self.status(code) is Status.BILLABLE:
                yield code

    def _bare(self, code: str) -> str:
        return self.normalised(code).replace(".", "")

    def _more_specific(self, bare: str) -> bool:
        return next(self._beginning(bare), None) is not None

    def _beginning(self, bare: str) -> Iterator[str]:
        """The listed codes that begin so and are longer, sorted, without dots."""
        for at in range(bisect_right(self._sorted, bare), len(self._sorted)):
            if not self._sorted[at].startswith(bare):
                return
            yield self._sorted[at]
