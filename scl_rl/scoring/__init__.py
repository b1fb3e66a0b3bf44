"""The one scorer: locating quotes, matching mentions, judging codes, counting. Import it from here.

The rule for "cited" stands in :mod:`.citation`.
"""

from .answer_score import (
    AnswerScore,
    Occurrence,
    Outcome,
    ScoredCode,
    ScoredMention,
    score_answer,
    score_prediction,
)
from .citation import CITED_AT, CodeVerdict
from .gold import GoldDocument
from .locate import TextIndex
from .match import Match, TokenIndex, hull, overlap
from .note import NoteText
from .tally import Counts, Tally

__all__ = [
    "CITED_AT",
    "AnswerScore",
    "CodeVerdict",
    "Counts",
    "GoldDocument",
    "Match",
    "NoteText",
    "Occurrence",
    "Outcome",
    "ScoredCode",
    "ScoredMention",
    "Tally",
    "TextIndex",
    "TokenIndex",
    "hull",
    "overlap",
    "score_answer",
    "score_prediction",
]
