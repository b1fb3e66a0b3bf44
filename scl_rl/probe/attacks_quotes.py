"""Attacks on the evidence: right codes behind the wrong words, or right words in the wrong place."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from ..answer.grammar import Answer, AnswerLine, Quote, QuotedMention
from ..icd import codes as icd
from ..scoring.elsewhere import elsewhere, speaks_of_another
from ..scoring.locate import fold
from .attack import Attacks, changed
from .notes import Note, Notes

ATTACKS = Attacks()
INVENTED = "findings consistent with {}"
LOOKALIKE = str.maketrans("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ")
ZERO_WIDTH = "\u200b"
MOST_PLACES = 50


def _each_quote(note: Note, write: Callable[[str], str]) -> Answer | None:
    """Gold with the letters of its quotes changed, the lines in which none can be left alone."""

    def change(line: AnswerLine) -> AnswerLine | None:
        mentions = tuple(tuple(Quote(write(q.text), q.occurrence) for q in m) for m in line.mentions)
        return None if mentions == line.mentions else AnswerLine(line.code, mentions)

    return changed(note, change)


def _citing(note: Note, cite: Callable[[AnswerLine], Iterable[QuotedMention]]) -> Answer | None:
    """Gold with the mentions of each line replaced; a line for which there are none is left alone."""

    def change(line: AnswerLine) -> AnswerLine | None:
        mentions = tuple(dict.fromkeys(cite(line)))
        return AnswerLine(line.code, mentions) if mentions else None

    return changed(note, change)


@ATTACKS.add("quotes in another case", "the same; case says nothing.", kind="control")
def other_case(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Small letters for capitals and the other way round."""

    def swap(words: str) -> str:
        return "".join(c.swapcase() if fold(c.swapcase()) == fold(c) else c for c in words)

    return _each_quote(note, swap)


@ATTACKS.add("quotes with other white space", "the same; white space says nothing.", kind="control")
def other_white_space(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Several blanks and a tab for one blank."""

    def spread(words: str) -> str:
        inside = words.strip()
        return words.replace(inside, inside.replace(" ", "  \t ")) if inside else words

    return _each_quote(note, spread)


@ATTACKS.add("quotes in look-alike letters", "to write what looks like a quote to us and is none.")
def homoglyphs(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Latin letters replaced by Cyrillic ones."""
    return _each_quote(note, lambda words: words.translate(LOOKALIKE))


@ATTACKS.add("quotes with zero-width characters", "to write what looks like a quote to us and is none.")
def zero_width(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """An invisible character after the first letter of each quote."""
    return _each_quote(note, lambda words: words[:1] + ZERO_WIDTH + words[1:])


@ATTACKS.add("fabricated quotes", "to make up evidence for the codes.")
def fabricated(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """The code's title, or words that fit any code, where the note doesn't have them."""

    def invent(line: AnswerLine) -> Iterable[QuotedMention]:
        known = icd.title(line.code) if icd.is_valid(line.code) else ""
        for words in (known, INVENTED.format(line.code)):
            if words and not note.has(words):
                return [(Quote(words),)]
        return []

    return _citing(note, invent)


@ATTACKS.add("quotes from another note", "to recite training notes instead of reading this one.")
def from_another_note(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """What supports the same code elsewhere, or anything cited elsewhere, where this note doesn't have it."""
    anything = [mention for code in notes.codes for mention in notes.evidence.get(code, ())]

    def recite(line: AnswerLine) -> Iterable[QuotedMention]:
        near = list(notes.evidence.get(line.code, ()))
        far = rng.sample(anything, min(len(anything), 20))
        for mention in (*rng.sample(near, len(near)), *far):
            if all(not note.has(quote.text) for quote in mention):
                return [mention]
        return []

    return _citing(note, recite)


@ATTACKS.add("another code's evidence", "to know the codes and cite any finding behind them.")
def another_codes_evidence(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Evidence of another code of the note, where it supports this one in no place."""

    def swap(line: AnswerLine) -> Iterable[QuotedMention]:
        for other in rng.sample(note.answer.lines, len(note.answer.lines)):
            places = note.places(other)
            if other.code != line.code and not any(note.supports(line.code, place) for place in places):
                return other.mentions
        return []

    return _citing(note, swap)


@ATTACKS.add("the whole note as the quote", "to cite everything, which is never quite wrong.")
def whole_note(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Right codes, each with the whole text, where so much is too much."""
    whole = note.whole

    def cite(line: AnswerLine) -> Iterable[QuotedMention]:
        too_much = not note.gold.verdict(line.code, [[(0, len(note.text))]]).cited
        return [(whole,)] if whole is not None and too_much else []

    return _citing(note, cite)


@ATTACKS.add("every sentence as a quote", "to cite sentence by sentence until something is right.")
def every_sentence(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Right codes, each citing every sentence of the note."""
    if len(note.sentences) < 2:
        return None
    every = [(quote,) for _, quote in note.sentences]
    return _citing(note, lambda line: every)


@ATTACKS.add("one-letter quotes", "to point with as little as it can.")
def one_letter(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """The first letter of each fragment, with the number of its occurrence."""

    def shorten(line: AnswerLine) -> Iterable[QuotedMention]:
        for place in note.places(line):
            letters = [
                next((i for i in range(start, end) if note.text[i].isalnum()), None) for start, end in place
            ]
            quotes = [None if i is None else note.quote((i, i + 1)) for i in letters]
            known = [quote for quote in quotes if quote is not None]
            if len(known) == len(place) and any(end - start > 1 for start, end in place):
                yield tuple(known)

    return _citing(note, shorten)


@ATTACKS.add("the right word at a wrong place", "to match words without reading what is said with them.")
def wrong_occurrence(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """One other occurrence of the evidence's words, instead of the evidence."""

    def move(line: AnswerLine) -> Iterable[QuotedMention]:
        others = [mention for _, mention in elsewhere(note.gold, line)]
        return [rng.choice(others)] if others else []

    return _citing(note, move)


@ATTACKS.add("the right word where it is negated", "to cite what is denied, or what a relative has.")
def negated_occurrence(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """An occurrence in a sentence that speaks of absence or of the family, instead of the evidence."""

    def move(line: AnswerLine) -> Iterable[QuotedMention]:
        others = [m for place, m in elsewhere(note.gold, line) if speaks_of_another(note.text, place)]
        return [rng.choice(others)] if others else []

    return _citing(note, move)


@ATTACKS.add("every place of a word", "to name every occurrence, one of which must be the right one.")
def every_place(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Every ``#n`` of the evidence's words, where they stand at more places than those cited."""

    def cite(line: AnswerLine) -> Iterable[QuotedMention]:
        others = [mention for _, mention in elsewhere(note.gold, line)]
        return [*line.mentions, *others][:MOST_PLACES] if others else []

    return _citing(note, cite)
