"""The rules that vary a clean term as writers of notes do."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from .terms import Term
from .wordlists import ABBREVIATIONS, COUNTED, PLAIN, SPELLING, pairs

MAX_RULES = 2  # that vary one term together
_OF = re.compile(r"(?P<what>[\w'-]+(?: [\w'-]+){0,2}) (?:of|in) (?:the )?(?P<where>[\w'-]+(?: [\w'-]+){0,2})")
_PREPOSITION = re.compile(r"\b(?:of|in|with|without|due|to|by|from|and|or|for|on|at)\b", re.I)
_ALIKE = re.compile(r"([\w'-]+(?: [\w'-]+)?)( and | with )([\w'-]+(?: [\w'-]+)?)")
_HEADS = {"pain": "in", "swelling": "of", "infection": "of", "stone": "in", "fracture": "of", "cancer": "of"}
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEAST = 5  # letters of a word that gets a typing error


@cache
def _table(table: str, ends: bool) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """A pattern for the left sides of a table, whole words if ``ends``, and what each stands for."""
    entries = dict(pairs(table))
    words = "|".join(map(re.escape, entries))
    return re.compile(rf"\b(?:{words})\b" if ends else words, re.I), entries


def _replaced(text: str, table: str) -> Iterator[str]:
    """The text with each of the table's phrases in it replaced alone, and with all of them."""
    pattern, entries = _table(table, ends=True)
    matches = list(pattern.finditer(text))
    for match in matches:
        yield text[: match.start()] + entries[match[0].lower()] + text[match.end() :]
    if len(matches) > 1:
        yield pattern.sub(lambda match: entries[match[0].lower()], text)


def plain_words(text: str, rng: random.Random) -> Iterator[str]:
    """Everyday words for medical ones: "renal calculus" → "kidney stone"."""
    yield from _replaced(text, PLAIN)


def abbreviations(text: str, rng: random.Random) -> Iterator[str]:
    """Usual abbreviations: "chronic kidney disease" → "CKD", "fracture of left hip" → "fx of L hip"."""
    yield from _replaced(text, ABBREVIATIONS)


def spelling(text: str, rng: random.Random) -> Iterator[str]:
    """British for American spelling, or American for British: "anemia" → "anaemia"."""
    american, to_british = _table(SPELLING, ends=False)
    british, to_american = _table("; ".join(f"{b} = {a}" for a, b in pairs(SPELLING)), ends=False)
    without = british.sub(lambda match: to_american[match[0].lower()], text)
    yield without
    yield american.sub(lambda match: to_british[match[0].lower()], without)


def word_order(text: str, rng: random.Random) -> Iterator[str]:
    """Another order of the same words: "calculus of kidney" → "kidney calculus", "chest pain" → "pain in
    chest", "nausea and vomiting" → "vomiting and nausea".
    """
    turned = _OF.fullmatch(text)
    if turned and not any(_PREPOSITION.search(part) for part in turned.groups()):
        yield f"{turned['where']} {turned['what']}"
    *front, head = text.split()
    if head.lower() in _HEADS and 0 < len(front) <= 3 and not _PREPOSITION.search(text):
        yield f"{head} {_HEADS[head.lower()]} {' '.join(front)}"
    alike = _ALIKE.fullmatch(text)
    if alike and not any(_PREPOSITION.search(part) for part in alike.group(1, 3)):
        yield f"{alike[3]}{alike[2]}{alike[1]}"


def plurals(text: str, rng: random.Random) -> Iterator[str]:
    """The plural of what is counted: "stone in kidney" → "stones in kidney"."""
    words = text.split(" ")
    last = next((at for at, word in enumerate(words) if _PREPOSITION.fullmatch(word)), len(words)) - 1
    plural = dict(pairs(COUNTED)).get(words[last].lower()) if last >= 0 else None
    if plural is not None:
        yield " ".join([*words[:last], plural or _regular(words[last]), *words[last + 1 :]])


def _regular(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def typos(text: str, rng: random.Random) -> Iterator[str]:
    """One typing error, in a word of five letters or more and not in its first: two letters swapped, one left
    out, doubled, or hit beside its key.
    """
    words = [match for match in re.finditer(r"[^\W\d_]+", text) if len(match[0]) >= _LEAST]
    if not words:
        return
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    here, after = text[at], text[at + 1]
    wrong = rng.choice((after + here, after, here + here + after, _beside(here, rng) + after))
    yield text[:at] + wrong + text[at + 2 :]


def _beside(letter: str, rng: random.Random) -> str:
    row = next((row for row in _KEYS if letter in row), letter)
    at = row.index(letter)
    return rng.choice([row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)] or [letter])


VARIANTS: Mapping[str, Callable[[str, random.Random], Iterator[str]]] = {
    "plain_words": plain_words,
    "word_order": word_order,
    "spelling": spelling,
    "plurals": plurals,
    "abbreviations": abbreviations,
    "typos": typos,
}
"""Name → rule: what it makes of a term besides the term. In the order in which two apply to one term."""


def varied(term: Term, names: Sequence[str], seed: str) -> list[Term]:
    """The term, and what up to two of these rules make of it.

    Args:
        seed: with the term and the rule's name it decides what is drawn at random.
    """
    found = {term.text: term}
    for name, rule in VARIANTS.items():
        if name not in names:
            continue
        for old in list(found.values()):
            if len(old.rules) - len(term.rules) < MAX_RULES:
                for text in rule(old.text, random.Random(f"{seed}-{name}-{old.text}")):
                    found.setdefault(text, Term(text, (*old.rules, name)))
    return list(found.values())
