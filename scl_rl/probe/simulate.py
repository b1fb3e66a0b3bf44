"""Completions as a half-trained model writes them: gold with the usual mistakes, seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ..answer.grammar import Answer, AnswerLine, Quote, QuotedMention
from .notes import Note, Notes

GROUP = 8
UNFINISHED = 0.05


def group(note: Note, notes: Notes, seed: int, size: int = GROUP) -> list[str]:
    """Completions for one note. How often a line goes wrong differs between notes, from never to always."""
    rng = random.Random(f"{seed} group {note.document.id}")
    rate = rng.random()
    return [_completion(note, notes, rate, rng) for _ in range(size)]


def _completion(note: Note, notes: Notes, rate: float, rng: random.Random) -> str:
    lines = [line for old in note.answer.lines for line in _line(old, note, notes, rate, rng)]
    if rng.random() < rate / 2 and (extra := invented_line(note, notes, rng)):
        lines.insert(rng.randint(0, len(lines)), extra)
    text = notes.render(Answer(tuple(lines)))
    return text[: rng.randrange(len(text))] if rng.random() < UNFINISHED * rate else text


def _line(
    line: AnswerLine, note: Note, notes: Notes, rate: float, rng: random.Random
) -> Iterator[AnswerLine]:
    if rng.random() >= rate:
        yield line
        return
    mistake = rng.choice(("dropped", "wrong code", "shifted", "misquoted", "twice"))
    if mistake == "wrong code":
        yield AnswerLine(notes.other_code(note, rng) or line.code, line.mentions)
    elif mistake == "shifted":
        yield AnswerLine(line.code, tuple(_shifted(mention, note, rng) for mention in line.mentions))
    elif mistake == "misquoted":
        yield AnswerLine(line.code, tuple(misquoted(mention, note, rng) for mention in line.mentions))
    elif mistake == "twice":
        yield from (line, line)


def invented_line(note: Note, notes: Notes, rng: random.Random) -> AnswerLine | None:
    """A wrong code of the corpus that cites a sentence of the note."""
    code = notes.other_code(note, rng)
    if code is None or not note.sentences:
        return None
    return AnswerLine(code, ((rng.choice(note.sentences)[1],),))


def misquoted(mention: QuotedMention, note: Note, rng: random.Random) -> QuotedMention:
    """A mention with a letter doubled in its first quote, or more of them until it is not in the note."""
    words = mention[0].text
    while note.has(words):
        at = rng.randrange(len(words))
        words = words[:at] + words[at] * 2 + words[at + 1 :] if words[at].isalnum() else f"{words}x"
    return (Quote(words), *mention[1:])


def _shifted(mention: QuotedMention, note: Note, rng: random.Random) -> QuotedMention:
    """Each fragment one or two words longer, or cut to its first word."""
    return tuple(_moved(quote, note, rng) for quote in mention)


def _moved(quote: Quote, note: Note, rng: random.Random) -> Quote:
    place = note.gold.index.locate(quote.text, quote.occurrence)
    if place is None:
        return quote
    start, end = place
    inside = sorted(note.gold.tokens.touched([place]))
    if not inside:
        return quote
    first, last = inside[0], inside[-1]
    move = rng.choice(("more before", "more after", "first word"))
    if move == "more before":
        start = note.words[max(0, first - rng.randint(1, 2))][0]
    elif move == "more after":
        end = note.words[min(len(note.words) - 1, last + rng.randint(1, 2))][1]
    else:
        start, end = note.words[first]
    return note.quote((start, end)) or quote
