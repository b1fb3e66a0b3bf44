"""How a code is written: the one place that knows about dots, case and placeholders of each code system."""

from __future__ import annotations

import re
from collections.abc import Callable

ICD_10_CM, CIE_10_ES, ICD_10_PCS = "ICD-10-CM", "CIE-10-ES", "ICD-10-PCS"
ICD_9_CM, ICD_9_PCS = "ICD-9-CM", "ICD-9-PCS"
CPT = "CPT"
SYSTEMS = (ICD_10_CM, CIE_10_ES, ICD_10_PCS, ICD_9_CM, ICD_9_PCS, CPT)

_ALIASES = {
    "ICD10": ICD_10_CM,
    "ICD10CM": ICD_10_CM,
    "CIE10": CIE_10_ES,
    "CIE10ES": CIE_10_ES,
    "ICD10PCS": ICD_10_PCS,
    "ICD9": ICD_9_CM,
    "ICD9CM": ICD_9_CM,
    "ICD9PCS": ICD_9_PCS,
    "ICD9CMPCS": ICD_9_PCS,
    "CPT4": CPT,
}
_UNSPECIFIC = re.compile(r"[.\s]*[-–]?$")  # "E11.-" stands for E11 in the tables
_ICD_10 = re.compile(r"([A-Z](?=[0-9A-Z]?[0-9])[0-9A-Z]{2})([0-9A-Z]{0,4})")  # QA0 is a category too
_ICD_9 = re.compile(r"([0-9]{3}|V[0-9]{2}|E[0-9]{3})([0-9]{0,2})")
_ICD_9_PROCEDURE = re.compile(r"([0-9]{2})([0-9]{0,2})")
_PCS = re.compile(r"[0-9A-HJ-NP-Z]{1,7}")


def normalised(code: str, system: str = ICD_10_CM) -> str:
    """A code as its system writes it: upper case, the dot in its place and nowhere else.

    ``e119``, ``E11.9`` and ``E119.`` are all ``E11.9``; in ICD-9-CM ``25000`` is ``250.00``, in ICD-9-PCS
    ``3601`` is ``36.01``; ICD-10-PCS has no dots. What can't be a code of the system is only stripped and
    upper-cased, and so is every code of a system that this module doesn't know.
    """
    written = code.strip().upper()
    place = _PLACES.get(system_name(system))
    return written if place is None else place(_bare(written)) or written


def is_like_a_code(text: str, system: str = ICD_10_CM) -> bool:
    """Whether a text has the form of a code of the system, whether there is such a code or not."""
    place = _PLACES.get(system_name(system))
    return place is not None and bool(place(_bare(text)))


def system_name(name: str) -> str:
    """The usual name of a code system, for other spellings of it (``icd10cm``); an unknown one as it is."""
    squeezed = re.sub(r"[\s_.-]", "", name).upper()
    return _ALIASES.get(squeezed, name)


def _bare(code: str) -> str:
    """A code without what is only a matter of spelling."""
    return "".join(_UNSPECIFIC.sub("", code.strip().upper()).replace(".", "").split())


def _dotted(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def place(bare: str) -> str:
        found = pattern.fullmatch(bare)
        return "" if found is None else ".".join(part for part in found.groups() if part)

    return place


def _undotted(bare: str) -> str:
    return bare if _PCS.fullmatch(bare) else ""


_PLACES: dict[str, Callable[[str], str]] = {
    ICD_10_CM: _dotted(_ICD_10),
    CIE_10_ES: _dotted(_ICD_10),
    ICD_10_PCS: _undotted,
    ICD_9_CM: _dotted(_ICD_9),
    ICD_9_PCS: _dotted(_ICD_9_PROCEDURE),
}
