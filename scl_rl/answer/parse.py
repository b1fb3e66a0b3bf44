"""Reading what a model wrote. Never raises on model output: what can't be read comes back with a reason."""

from __future__ import annotations

import json
import re
from typing import Any

from ..corpus.types import CODE
from .grammar import NO_CODES, Answer, AnswerFormat, AnswerLine, MalformedLine, Quote, QuotedMention

_CODE = re.compile(CODE)
_OCCURRENCE = re.compile(r"#([0-9]{1,9})(?![0-9])")
_SPACE = re.compile(r"\s*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STRING = json.JSONDecoder(strict=False)


class _UnreadableError(Exception):
    """The reason why a line can't be read."""


def parse(text: str, form: AnswerFormat = "lines") -> Answer:
    """Read an answer in either format; blank lines are passed over.

    ``none`` means no code and stands alone: beside other lines it is malformed.
    """
    read = _read_line if form == "lines" else _read_json
    lines: list[AnswerLine] = []
    malformed: list[MalformedLine] = []
    written = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if [line for _, line in written] == [NO_CODES]:
        return Answer()
    for number, line in written:
        try:
            if line == NO_CODES:
                raise _UnreadableError("'none' beside other lines")
            lines.append(read(line))
        except _UnreadableError as reason:
            malformed.append(MalformedLine(number, line, str(reason)))
    return Answer(tuple(lines), tuple(malformed))


def _read_line(line: str) -> AnswerLine:
    mentions: list[QuotedMention] = []
    fragments: list[Quote] = []
    at = 0
    while True:
        quote, at = _read_quote(line, at)
        fragments.append(quote)
        if line.startswith("=>", at):
            mentions.append(tuple(fragments))
            return AnswerLine(_code(line[at + 2 :].strip()), tuple(mentions))
        joint = line[at : at + 1]
        if joint == ";":
            mentions.append(tuple(fragments))
            fragments = []
        elif joint != "+":
            raise _UnreadableError(f"expected ';', '+' or '=>' at character {at + 1}")
        at += 1


def _read_quote(line: str, at: int) -> tuple[Quote, int]:
    at = _skip_space(line, at)
    if line[at : at + 1] != '"':
        raise _UnreadableError(f"expected a quoted string at character {at + 1}")
    try:
        text, at = _STRING.raw_decode(line, at)
    except ValueError:
        raise _UnreadableError("a quoted string that does not end or has a bad escape") from None
    occurrence = 1
    if line[at : at + 1] == "#":
        number = _OCCURRENCE.match(line, at)
        if number is None:
            raise _UnreadableError(f"expected a number after '#' at character {at + 1}")
        occurrence, at = int(number[1]), number.end()
    return _quote(text, occurrence), _skip_space(line, at)


def _skip_space(line: str, at: int) -> int:
    return _SPACE.match(line, at).end()  # type: ignore[union-attr]  # it matches everywhere


def _read_json(line: str) -> AnswerLine:
    try:
        value = json.loads(line, strict=False)
    except (ValueError, RecursionError):
        raise _UnreadableError("not a JSON object") from None
    if not isinstance(value, dict) or set(value) != {"evidence", "code"}:
        raise _UnreadableError("expected an object with just 'evidence' and 'code'")
    evidence, code = value["evidence"], value["code"]
    if not isinstance(code, str):
        raise _UnreadableError("the code is not a string")
    if not isinstance(evidence, list) or not evidence:
        raise _UnreadableError("'evidence' is not a list of mentions")
    return AnswerLine(_code(code.strip()), tuple(_json_mention(mention) for mention in evidence))


def _json_mention(value: Any) -> QuotedMention:
    if not isinstance(value, list) or not value:
        raise _UnreadableError("a mention is not a list of fragments")
    return tuple(_json_quote(fragment) for fragment in value)


def _json_quote(value: Any) -> Quote:
    if isinstance(value, str):
        return _quote(value, 1)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int:
        return _quote(value[0], value[1])
    raise _UnreadableError("a fragment is neither a string nor [string, n]")


def _quote(text: str, occurrence: int) -> Quote:
    if occurrence < 1:
        raise _UnreadableError("occurrences count from 1")
    if not text.strip():
        raise _UnreadableError("an empty quote")
    if _SURROGATE.search(text):
        raise _UnreadableError("a quote that is not valid Unicode")
    return Quote(text, occurrence)


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise _UnreadableError("no code after '=>'" if not text else "what stands for the code is not one")
    return text
