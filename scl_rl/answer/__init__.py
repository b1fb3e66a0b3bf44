"""The answer grammar: records, rendering, parsing."""

from .grammar import Answer, AnswerFormat, AnswerLine, MalformedLine, Quote, QuotedMention, render
from .parse import parse

__all__ = [
    "Answer",
    "AnswerFormat",
    "AnswerLine",
    "MalformedLine",
    "Quote",
    "QuotedMention",
    "parse",
    "render",
]
