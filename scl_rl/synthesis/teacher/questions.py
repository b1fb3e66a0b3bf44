"""What a teacher is asked, and what is taken of its answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from ...answer.prompt import Message
from ...icd.codes import synonyms, title
from ..candidates import Candidate, wording_key
from .settings import TeacherSettings

_MAX_TERMS = 6  # inclusion terms that a question names
_MAX_CHARACTERS, _MAX_WORDS = 80, 12  # of a wording
_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.):])\s*")
_ENDS = " \t\"'`“”‘’«».,;"
_CODE = re.compile(r"\b[A-TV-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?\b")
_REMARK = re.compile(r"(?:here (?:are|is)|sure|certainly|note|of course|okay|wording|ways?)\b.*|.*:", re.I)
_ODD = re.compile(r"[\[\]{}<>|\\=]|https?:")


class Reply(NamedTuple):
    """A teacher's answer; ``finished`` is False where it was cut off."""

    text: str
    finished: bool


class Question(NamedTuple):
    """What is asked for one code in one style."""

    code: str
    style: str
    messages: list[Message]


def questions(codes: Sequence[str], settings: TeacherSettings) -> Iterator[Question]:
    """A question for each code and style.

    Raises:
        ValueError: there is no such code.
    """
    for code in codes:
        terms = synonyms(code)[1 : _MAX_TERMS + 1]
        named = f"It is also called: {'; '.join(terms)}\n" if terms else ""
        for style in settings.styles:
            asked = _prompt("question").format(
                title=title(code), terms=named, number=settings.wordings, style=_prompt(style).strip()
            )
            system = {"role": "system", "content": _prompt("system").strip()}
            yield Question(code, style, [system, {"role": "user", "content": asked.strip()}])


@cache
def _prompt(name: str) -> str:
    return (files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


def wordings(question: Question, reply: Reply, teacher: str, refused: Counter[str]) -> Iterator[Candidate]:
    """The wordings in an answer that can be used. ``refused`` counts the others, by why."""
    lines = reply.text.splitlines()
    if not reply.finished and lines:
        lines.pop()
        refused["cut off"] += 1
    seen = {wording_key(title(question.code))}
    for line in lines:
        text = " ".join(_BULLET.sub("", line).split()).strip(_ENDS)
        if not text:
            continue
        key = wording_key(text)
        if why := _unusable(text) or ("repeated" if key in seen else ""):
            refused[why] += 1
            continue
        seen.add(key)
        yield Candidate(text, question.code, "teacher", (), {"style": question.style, "teacher": teacher})


def _unusable(text: str) -> str:
    """Why a line is no wording; empty if it may be one."""
    if len(text) > _MAX_CHARACTERS or len(text.split()) > _MAX_WORDS:
        return "too long"
    if _CODE.search(text):
        return "names a code"
    if _REMARK.fullmatch(text):
        return "a remark"
    if _ODD.search(text) or not text.isprintable() or not any(letter.isalpha() for letter in text):
        return "no wording"
    return ""
