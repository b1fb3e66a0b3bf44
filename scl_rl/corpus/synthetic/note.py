"""One note: what to say of which code, where to say it, and the text that comes of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from . import templates
from .settings import SyntheticSettings
from .templates import EARLIER, EARLIER_ITEMS, HEADINGS, ITEMS, SENTENCES, TRAPS, Section, Sentences
from .vocabulary import MALE, Vocabulary
from .write import Fact, Piece, join, say, sentence

_LISTS: tuple[Section, ...] = ("pmh", "dx")


def plan(
    codes: Sequence[str],
    words: Vocabulary,
    tier: Callable[[], str],
    settings: SyntheticSettings,
    rng: random.Random,
) -> list[Fact]:
    """What a note with these codes says: their mentions, and traps.

    Args:
        codes: The codes that count.
        words: What they may be called.
        tier: Draws the tier of a code's wordings, one for all its mentions in the note.
        settings: The rates.
        rng: Source of every choice.
    """
    facts: list[Fact] = []
    for code in codes:
        fact = _fact(code, words, tier(), rng)
        if rng.random() < settings.same_word_rate:
            traps = [what for what in TRAPS[fact.condition] if what != "negated" or fact.group == "symptom"]
            facts.append(fact._replace(what=rng.choice(traps), earlier=True))
        elif fact.wording.split and rng.random() < settings.discontinuous_rate:
            fact = fact._replace(torn=True)
        facts.append(fact)
        if rng.random() < settings.repeat_rate:
            facts.append(_fact(code, words, fact.tier, rng))
    others = [code for code in words.codes if code not in codes]
    for code in rng.sample(others, min(2, len(others))):
        if rng.random() < settings.trap_rate:
            fact = _fact(code, words, tier(), rng)
            facts.append(fact._replace(what=rng.choice(TRAPS[fact.condition])))
    rng.shuffle(facts)
    return facts


def _fact(code: str, words: Vocabulary, tier: str, rng: random.Random) -> Fact:
    return Fact(code, words.conditions[code], rng.choice(words.wordings[code][tier]), tier)


class Note:
    """A note in the making: facts and filler by section."""

    def __init__(self, facts: Sequence[Fact], rng: random.Random) -> None:
        self._rng = rng
        self._with_headings = rng.random() < 0.9
        self._lists = [section for section in _LISTS if self._with_headings and rng.random() < 0.6]
        male = any(fact.code in MALE for fact in facts)
        sex = "m" if male else rng.choice("mf")
        age = rng.randint(38, 90)
        person = ("he", "his", "man") if sex == "m" else ("she", "her", "woman")
        self._patient = {
            "he": person[0],
            "his": person[1],
            "man": rng.choice((person[2], "patient")),
            "age": str(age),
            "an": "An" if age // 10 == 8 else "A",
        }
        if male:
            self._patient["relative"] = rng.choice(("father", "brother"))
        self._facts: dict[Section, list[Fact]] = {}
        for fact in facts:
            self._place(fact)
        self._pieces = {section: self._write(section, facts) for section, facts in self._facts.items()}

    def finished(self, characters: int) -> Piece:
        """The note, with filler up to about so many characters."""
        rng = self._rng
        if not self._with_headings or rng.random() < 0.8:
            opener = Piece(rng.choice(templates.OPENERS))
            self._pieces["hpi"] = [self._fill(opener.text), *self._pieces.get("hpi", [])]
        target = characters * rng.uniform(0.75, 1.15)
        filler = [(section, template) for section, some in templates.FILLER.items() for template in some]
        rng.shuffle(filler)
        while filler and self._length() < target:
            section, template = filler.pop()
            pieces = self._pieces.setdefault(section, [])
            first = 1 if section == "hpi" and pieces else 0
            pieces.insert(rng.randint(first, len(pieces)), self._fill(template))
        return self._assembled()

    def _length(self) -> int:
        heading = 14 if self._with_headings else 0
        return sum(heading + sum(len(p.text) + 1 for p in some) for some in self._pieces.values())

    def _place(self, fact: Fact) -> None:
        """Give the fact a section where it can be said, one that hasn't heard of its code if possible."""
        sections = list(_sentences(fact))
        fresh = [
            section
            for section in sections
            if all(other.code != fact.code for other in self._facts.get(section, ()))
        ]
        self._facts.setdefault(self._rng.choice(fresh or sections), []).append(fact)

    def _write(self, section: Section, facts: list[Fact]) -> list[Piece]:
        if section in self._lists:
            return [self._listed(facts)]
        pieces = []
        left = list(facts)
        while left:
            first = left.pop(0)
            together = [first]
            for fact in tuple(left):
                alike = (fact.what, fact.group, fact.earlier) == (first.what, first.group, first.earlier)
                new = all(fact.code != other.code for other in together)
                if alike and new and len(together) < 3 and self._rng.random() < 0.5:
                    left.remove(fact)
                    together.append(fact)
            template = self._rng.choice(_sentences(first)[section])
            pieces.append(sentence(template, together, self._field))
        return pieces

    def _listed(self, facts: list[Fact]) -> Piece:
        """The facts as a list: numbered, or on one line."""
        items = []
        for fact in facts:
            forms = EARLIER_ITEMS.get(fact.what) if fact.earlier else None
            items.append(say(self._rng.choice(forms or ITEMS[fact.what]), [fact], self._field))
        if self._rng.random() < 0.3:
            numbered = [join([Piece(f"{n}. "), item.capitalised()]) for n, item in enumerate(items, 1)]
            return join([Piece("\n"), join(numbered, "\n")])
        plain = all(fact.what == "affirmed" for fact in facts)
        line = join(items, self._rng.choice((", ", "; ")) if plain else "; ")
        return join([line.capitalised(), Piece(".")])

    def _fill(self, template: str) -> Piece:
        return sentence(template, (), self._field)

    def _field(self, name: str) -> str:
        return self._patient.get(name) or self._rng.choice(templates.FIELDS[name])

    def _assembled(self) -> Piece:
        rng = self._rng
        orders = templates.ORDERS if self._with_headings else (templates.PROSE,)
        order = [section for section in rng.choice(orders) if section in self._pieces]
        if not self._with_headings:
            return join([piece for section in order for piece in self._pieces[section]], " ")
        upper = rng.random() < 0.25
        gap = rng.choice((": ", ": ", ":\n"))
        parts = []
        for section in order:
            heading = rng.choice(HEADINGS[section])
            body = join(self._pieces[section], " ")
            before = ":" if body.text.startswith("\n") else gap
            parts.append(join([Piece((heading.upper() if upper else heading) + before), body]))
        return join(parts, rng.choice(("\n", "\n", "\n\n")))


def _sentences(fact: Fact) -> Sentences:
    earlier = EARLIER.get(fact.what) if fact.earlier else None
    return earlier or SENTENCES[fact.what, fact.group]
