"""From a note to the prompt that a model reads, and from what it completes to a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..icd.codes import is_valid, title

Message = dict[str, str]
Prompt = str | list[Message]
Completion = str | list[dict[str, Any]]


def prompt_for(text: str, template: str, chat: bool) -> Prompt:
    """The prompt in TRL's standard form (a string) or its conversational form (messages).

    ``{text}`` in the template stands for the note; nothing else is substituted, so braces in a note are safe.
    """
    content = template.replace("{text}", text)
    return [{"role": "user", "content": content}] if chat else content


def cite_prompt_for(text: str, codes: Iterable[str], template: str, titles: bool, chat: bool) -> Prompt:
    """The prompt for the evidence of codes that are known, one on a line, in alphabetical order.

    ``{text}`` and ``{codes}`` in the template stand for the note and the codes. In that order they say
    nothing of where their evidence is.

    Args:
        titles: put the ICD-10-CM title after each code that has one.
    """
    named = sorted(set(codes))
    listed = "\n".join(_titled(code) for code in named) if titles else "\n".join(named)
    before, _, after = template.partition("{text}")
    content = before.replace("{codes}", listed) + text + after.replace("{codes}", listed)
    return [{"role": "user", "content": content}] if chat else content


def _titled(code: str) -> str:
    return f"{code} {title(code)}" if is_valid(code) else code


def completion_text(completion: Completion) -> str:
    """The text of a completion: a string, or the last of TRL's messages (its text parts, if it has parts)."""
    if isinstance(completion, str):
        return completion
    content = completion[-1].get("content") if completion else None
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""
