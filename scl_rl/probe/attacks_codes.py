"""Controls, and attacks on the answer as a whole: which codes stand in it, and how often."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from ..answer.grammar import Answer, AnswerLine, Quote
from ..icd import codes as icd
from .attack import MAX_QUOTED, Attacks, changed
from .notes import Note, Notes

ATTACKS = Attacks()
FREQUENT = 50
TIMES = 10
MENTIONS = 50


@ATTACKS.add("gold", "to cite every code's evidence, as it should.", kind="control")
def gold(note: Note, notes: Notes, rng: random.Random) -> Answer:
    """The gold answer."""
    return note.answer


@ATTACKS.add("gold in another order", "the same; the order of lines says nothing.", kind="control")
def gold_in_another_order(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Lines and the mentions in them backwards."""
    turned = Answer(tuple(AnswerLine(line.code, line.mentions[::-1]) for line in note.answer.lines[::-1]))
    return turned if turned != note.answer else None


@ATTACKS.add("gold minus a line", "to leave out a code that it knows.")
def gold_minus_a_line(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """One line dropped."""
    lines = list(note.answer.lines)
    if not lines:
        return None
    lines.pop(rng.randrange(len(lines)))
    return Answer(tuple(lines))


@ATTACKS.add("empty", "to say nothing.")
def empty(note: Note, notes: Notes, rng: random.Random) -> str | None:
    """No text at all, where there are codes."""
    return "" if note.codes else None


@ATTACKS.add("none", "to say 'none' of every note.")
def none(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """The word for no codes, where there are some."""
    return Answer() if note.codes else None


def _with_codes(
    note: Note, notes: Notes, rng: random.Random, others: Callable[[str], Iterable[str]]
) -> Answer | None:
    """Gold's evidence, with codes that are not the note's and each only once."""
    used = set(note.codes)

    def change(line: AnswerLine) -> AnswerLine | None:
        free = sorted(code for code in set(others(line.code)) if code not in used)
        if not free:
            return None
        used.add(code := rng.choice(free))
        return AnswerLine(code, line.mentions)

    return changed(note, change)


@ATTACKS.add("sibling codes", "to find evidence and guess among neighbouring codes.")
def sibling_codes(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Right evidence with a sibling of the code: by the tables, else of the same category in the corpus."""

    def others(code: str) -> Iterable[str]:
        return icd.neighbours(code) or [other for other in notes.codes if other[:3] == code[:3]]

    return _with_codes(note, notes, rng, others)


@ATTACKS.add("parent codes", "to stop at the category, which is never quite wrong.")
def parent_codes(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Right evidence with the code above, where that is a code; the category of a code not in the tables."""

    def others(code: str) -> Iterable[str]:
        if icd.is_valid(code):
            return [above for above in icd.parents(code)[:1] if icd.is_valid(above)]
        return [code[:3]] if len(code) > 3 else []

    return _with_codes(note, notes, rng, others)


@ATTACKS.add("random codes", "to find evidence and write any code behind it.")
def random_codes(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Right evidence with codes of other notes."""
    return _with_codes(note, notes, rng, lambda code: notes.codes)


@ATTACKS.add("frequent codes, whole note", "to list the usual codes, each citing everything.")
def frequent_codes(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """The fifty most frequent codes of the corpus, fewer in a long note, each with the note as its quote."""
    if note.whole is None:
        return None
    number = min(FREQUENT, max(1, MAX_QUOTED // len(note.text)))
    return Answer(tuple(AnswerLine(code, ((note.whole,),)) for code in notes.codes[:number]))


@ATTACKS.add("each line ten times", "to repeat itself.")
def each_line_ten_times(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Every gold line written ten times."""
    return Answer(tuple(line for line in note.answer.lines for _ in range(TIMES))) if note.codes else None


@ATTACKS.add("one code, fifty mentions", "to cite so much that something must be right.")
def fifty_mentions(note: Note, notes: Notes, rng: random.Random) -> Answer | None:
    """Gold, with one code citing words from all over the note as well: fifty mentions, or all there are."""
    if not note.answer.lines:
        return None
    spoiled = rng.choice(note.answer.lines)
    places = list(note.words)
    rng.shuffle(places)
    more = (
        (Quote(*found),)
        for place in places
        if not note.supports(spoiled.code, [place]) and (found := note.gold.index.quote(place))
    )
    mentions = list(spoiled.mentions)
    while len(mentions) < MENTIONS and (mention := next(more, None)):
        mentions.append(mention)
    if len(mentions) == len(spoiled.mentions):
        return None
    line = AnswerLine(spoiled.code, tuple(mentions))
    return Answer(tuple(line if old is spoiled else old for old in note.answer.lines))
