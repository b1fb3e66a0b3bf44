"""The one scorer: locating quotes, matching mentions, judging codes, counting."""

from .judge import CodeVerdict, GoldDocument
from .locate import TextIndex
from .match import CITED_AT, TokenIndex, hull, overlap
from .tally import Counts, Tally

__all__ = [
    "CITED_AT",
    "CodeVerdict",
    "Counts",
    "GoldDocument",
    "Tally",
    "TextIndex",
    "TokenIndex",
    "hull",
    "overlap",
]
