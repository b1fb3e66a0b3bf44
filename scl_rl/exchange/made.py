"""What the forms have in common: who made the predictions, when, and of which codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .. import __version__
from ..corpus.types import DEFAULT_SYSTEM, PredictedCode
from ..icd.codes import is_valid, title

NO_EVIDENCE = "no evidence found"
"""Said of a code for which the model quotes nothing."""


@dataclass(frozen=True)
class Made:
    """How predictions were made.

    Attributes:
        model: what it is called.
        system: the system of its codes.
        at: the time, an instant with its zone.
    """

    model: str
    system: str = DEFAULT_SYSTEM
    by: str = f"scl-rl {__version__}"
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def title_of(code: str) -> str:
    """The ICD-10-CM title, empty for another code."""
    return title(code) if is_valid(code) else ""


def confidence_of(code: PredictedCode) -> float | None:
    """How sure the model is of a code, in [0, 1]; None if nobody asked."""
    value = (code.model_extra or {}).get("confidence")
    return float(value) if isinstance(value, int | float) else None
