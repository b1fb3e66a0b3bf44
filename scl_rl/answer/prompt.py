"""From a note to the prompt that a model reads, and from what it completes to a text."""

from __future__ import annotations

from typing import Any

Message = dict[str, str]
Prompt = str | list[Message]
Completion = str | list[dict[str, Any]]


def prompt_for(text: str, template: str, chat: bool) -> Prompt:
    """The prompt in TRL's standard form (a string) or its conversational form (messages).

    ``{text}`` in the template stands for the note; nothing else is substituted, so braces in a note are safe.
    """
    content = template.replace("{text}", text)
    return [{"role": "user", "content": content}] if chat else content


def completion_text(completion: Completion) -> str:
    """The text of a completion: a string, or the last of TRL's messages (its text parts, if it has parts)."""
    if isinstance(completion, str):
        return completion
    content = completion[-1].get("content") if completion else None
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""
