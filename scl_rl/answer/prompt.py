"""From a note to the prompt that a model reads."""

from __future__ import annotations

Message = dict[str, str]
Prompt = str | list[Message]


def prompt_for(text: str, template: str, chat: bool) -> Prompt:
    """The prompt in TRL's standard form (a string) or its conversational form (messages).

    ``{text}`` in the template stands for the note; nothing else is substituted, so braces in a note are safe.
    """
    content = template.replace("{text}", text)
    return [{"role": "user", "content": content}] if chat else content
