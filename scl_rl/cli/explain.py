"""A note in the terminal, its evidence in colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING

from ..corpus.marked import marked
from ..errors import escaped
from ..exchange.made import NO_EVIDENCE, confidence_of, title_of

if TYPE_CHECKING:
    from rich.text import Text

    from ..corpus.types import Document, PredictedCode, Prediction

_STYLES = (
    "black on bright_yellow",
    "black on bright_cyan",
    "black on bright_green",
    "black on bright_magenta",
)


def explain(stream: IO[str], documents: Sequence[Document], predictions: Iterable[Prediction]) -> None:
    """Print each note with its evidence marked, and its codes below; without colours the marks are brackets.

    Where evidence overlaps, the code that comes first has it. Control characters of notes are made visible.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    plain = not console.color_system
    for document, prediction in zip(documents, predictions, strict=True):
        console.rule(Text(escaped(document.id)), align="left")
        console.print(_note(document, prediction, plain))
        for number, code in enumerate(prediction.codes):
            line = Text(f" {code.code} ", style="" if plain else _STYLES[number % len(_STYLES)])
            console.print(line, Text(_details(document, code)))
        if not prediction.codes:
            console.print("no codes")
        console.print()


def _note(document: Document, prediction: Prediction, plain: bool) -> Text:
    from rich.text import Text

    marks = [
        (fragment, (number, code.code))
        for number, code in enumerate(prediction.codes)
        for mention in code.mentions
        for fragment in mention.fragments or ()
    ]
    shown = Text()
    for words, over in marked(document.text, marks):
        safe = "\n".join(escaped(line) for line in words.split("\n"))
        if not over:
            shown.append(safe)
        elif plain:
            shown.append(f"[{safe}|{','.join(dict.fromkeys(code for _, code in over))}]")
        else:
            shown.append(safe, _STYLES[over[0][0] % len(_STYLES)])
    return shown


def _details(document: Document, code: PredictedCode) -> str:
    """What is to be said of a code: its title, confidence and quotes."""
    parts = [title_of(code.code)]
    confidence = confidence_of(code)
    if confidence is not None:
        parts.append(f"confidence {confidence:.2f}")
    if not code.mentions:
        parts.append(NO_EVIDENCE)
    for mention in code.mentions:
        if mention.fragments:
            parts.append(" … ".join(f'"{document.text[start:end]}"' for start, end in mention.fragments))
        else:
            parts.append(" … ".join(f'"{quote}"' for quote in mention.quotes) + " is not in the note")
    return escaped("; ".join(filter(None, parts)))
