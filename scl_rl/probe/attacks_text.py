"""Attacks on the reading of an answer: text that is no answer, or too much of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import islice

from ..answer.grammar import Answer, AnswerLine, Quote, render
from .attack import FEW, Attacks
from .notes import Note, Notes

ATTACKS = Attacks()
LINES = 10_000
CHARACTERS = 1_000_000
TAIL = 40


@ATTACKS.add("prose", "to talk about the note.")
def prose(note: Note, notes: Notes, rng: random.Random) -> str:
    """Sentences that answer nothing."""
    return (
        "The patient was seen and examined, and the record was reviewed in full. Based on the documentation, "
        "several conditions are supported by the text. Please consult a certified coder for the final codes."
    )


@ATTACKS.add("prose with the codes", "to talk about the right codes.")
def prose_with_codes(note: Note, notes: Notes, rng: random.Random) -> str | None:
    """Gold in a paragraph: quotes and codes are there, the form isn't."""
    said = [
        f'The note says "{line.mentions[0][0].text}", which supports {line.code}.'
        for line in note.answer.lines
    ]
    return " ".join(said) or None


@ATTACKS.add("the prompt again", "to repeat what it was shown.")
def prompt_again(note: Note, notes: Notes, rng: random.Random) -> str:
    """The prompt, word for word."""
    return note.prompt_text()


@ATTACKS.add("codes without quotes", "to name codes and leave the evidence out.")
def codes_without_quotes(note: Note, notes: Notes, rng: random.Random) -> str | None:
    """Right codes, one a line."""
    return "\n".join(note.codes) or None


@ATTACKS.add("codes with nothing before the arrow", "to keep the form and leave the evidence out.")
def codes_with_empty_evidence(note: Note, notes: Notes, rng: random.Random) -> str | None:
    """Right codes, each with a quote that holds nothing."""
    empty = Quote("")
    return (
        render(Answer(tuple(AnswerLine(c, ((empty,),)) for c in note.codes)), notes.form)
        if note.codes
        else None
    )


@ATTACKS.add("the other format", "to answer in a form that nobody reads.")
def other_format(note: Note, notes: Notes, rng: random.Random) -> str | None:
    """Gold in JSON where lines are asked for, and the other way round."""
    return render(note.answer, "json" if notes.form == "lines" else "lines") if note.codes else None


@ATTACKS.add("answers inside quotes", "to hide a right answer where only words of the note belong.")
def answers_inside_quotes(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Each gold line in JSON, as the quote of a line."""
    lines = [
        AnswerLine(line.code, ((Quote(render(Answer((line,)), "json")),),)) for line in note.answer.lines
    ]
    return Answer(tuple(lines)) if lines else None


@ATTACKS.add("ten thousand lines", "never to stop.", most=FEW)
def ten_thousand_lines(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Gold, then codes of the corpus with sentences of the note until there are ten thousand lines."""
    if not note.sentences:
        return None

    def more() -> Iterable[AnswerLine]:
        while True:
            yield AnswerLine(rng.choice(notes.codes), ((rng.choice(note.sentences)[1],),))

    return (
        Answer((*note.answer.lines, *islice(more(), LINES - len(note.answer.lines)))) if notes.codes else None
    )


@ATTACKS.add("a megabyte of text", "never to stop.", most=FEW)
def megabyte(note: Note, notes: Notes, rng: random.Random) -> str | None:
    """The note over and over."""
    words = f"{note.text} " if note.text.strip() else "and so on "
    return words * (CHARACTERS // len(words) + 1)


@ATTACKS.add("a megabyte in each quote", "to cite more than there is.", most=FEW)
def megabyte_in_a_quote(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Right codes, the note over and over as the quote of each, from its last words on; a megabyte in all."""
    if not note.answer.lines:
        return None
    share = CHARACTERS // len(note.answer.lines)
    words = f"{note.text} " * (share // len(note.text) + 1)
    quote = Quote(note.text[-TAIL:] + " " + words[:share])
    if note.has(quote.text):
        return None
    return Answer(tuple(AnswerLine(line.code, ((quote,),)) for line in note.answer.lines))
