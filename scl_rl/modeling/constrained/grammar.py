"""The grammar of the answers to one note, as llguidance reads it: quotes are words of the note.

What a grammar can't say, :mod:`.constrained_rules` does. The code is left loose here: a grammar is made for
every note, and 74,719 codes in each of them would take longer than the answer.
"""

from __future__ import annotations

import json
import re

from ...answer.grammar import NO_CODES, AnswerFormat

_CHUNK = re.compile(r"\w+|\s+|[\ud800-\udfff\ufffe]|[^\w\s]")
_UNQUOTABLE = re.compile(r"[\ud800-\udfff\ufffe]")
_BREAK = "\ufffe"  # stands in no quote: no quote runs over what can't be quoted

_LINES = r"""
line: mention ("; " mention)* " => " CODE
mention: quote (" + " quote)*
quote: QUOTE | QUOTE NUMBER
NUMBER: /#[1-9][0-9]{0,8}/
"""
_JSON = r"""
line: "{\"evidence\": [" mention (", " mention)* "], \"code\": \"" CODE "\"}"
mention: "[" quote (", " quote)* "]"
quote: QUOTE | "[" QUOTE ", " NUMBER "]"
NUMBER: /[1-9][0-9]{0,8}/
"""
_TERMINALS = r"""
QUOTE: "\"" WORDS "\""
WORDS: NOTE & /[^ \x{FFFE}]([^\x{FFFE}]*[^ \x{FFFE}])?/
"""


def chunks_of(text: str) -> list[str]:
    """The note in the pieces that a quote is made of, as they are written in a JSON string.

    They are its words, its runs of white space, one blank each, and its signs. An escape is within one piece.
    """
    return [_written(chunk.group()) for chunk in _CHUNK.finditer(text)]


def _written(chunk: str) -> str:
    if chunk.isspace():
        return " "
    if _UNQUOTABLE.fullmatch(chunk):
        return _BREAK
    return json.dumps(chunk, ensure_ascii=False)[1:-1]


def grammar_of(text: str, shape: str, form: AnswerFormat) -> str:
    """The answers that quote a note, as a Lark grammar.

    Args:
        shape: a regular expression for what a code looks like.
    """
    chunks = chunks_of(text)
    if not set(chunks) - {" ", _BREAK}:
        return f'start: "{NO_CODES}"'
    return (
        f'start: "{NO_CODES}" | line ("\\n" line)*'
        + (_LINES if form == "lines" else _JSON)
        + _TERMINALS
        + f"NOTE: %regex {json.dumps({'substring_chunks': chunks})}\n"
        + f"CODE: /{shape}/\n"
    )
