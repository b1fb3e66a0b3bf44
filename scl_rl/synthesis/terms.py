"""The terms of the ICD tabular list, and the rules that make of each what a clinician would write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ..icd.codes import excluded_terms, parents, synonyms, title
from ..icd.normalise import normalised
from ..icd.wording import uncapitalized

_SEE = re.compile(r"\s+-\s*see\b.*$|,?\s*\(?see also\b.*$", re.I)
_CODES = re.compile(r"\s*\([A-Z]\d[0-9A-Z][^()]*\)")
_BRACKETS = re.compile(r"\s*\[([^\][]*)\]")
_SHORT = re.compile(r"[A-Z][A-Z0-9-]{1,7}")
_ENDING = re.compile(r"(?<=\w)\((?:s|es|al|ic|ies)\)")
_JOINED = re.compile(r"\((\w+)\)-")
_MODIFIER = re.compile(r"\s*\(([^()]*)\)")
_UNSPECIFIED = re.compile(
    r",? (?:with|of|in|at|due to|by|to) (?:an )?unspecified"
    r" (?:site|part|organism|severity|cause|type|region|location|stage|substance|side|behavior|degree)\b"
    r"|,? (?:NOS|NEC|not elsewhere classified|(?:site|organism|type|cause) (?:not specified|unspecified))\b"
    r"|, [^,]*\bunspecified\b[^,]*|\bunspecified ",
    re.I,
)
_ENCOUNTER = re.compile(r", initial encounter(?: for closed fracture)?$")
_OTHER = re.compile(
    r"^other and |, other (?:specified )?sites?\b|\bother specified |\bother |, elsewhere classified"
    r"| (?:in|of) (?:diseases|disorders|conditions) classified elsewhere|\bspecified ",
    re.I,
)
_WITHOUT = re.compile(r",? without [^,]*|, uncomplicated\b|\buncomplicated ", re.I)
_NAMED = re.compile(r"[\w-]+(?: [\w-]+)?")
_ADJECTIVE = re.compile(r"(?:ic|al|ous|ive|ary|ar|ed|ing|acute)$|\b(?:of|in|or)\b", re.I)
_LATER = re.compile(
    r"(?:in|with|without|of|due|to|by|from|and|or|not|except|as|for|on|at|during|following)\b", re.I
)
_NOT_BEFORE = frozenset({"multiple sites", "subsequent encounter", "sequela"})


class Term(NamedTuple):
    """What the tabular list, or a rule, calls a code.

    Attributes:
        rules: the part of the list that it comes from (``title``, ``inclusion``, ``parent`` or
            ``reference``), then the rules that changed it.
    """

    text: str
    rules: tuple[str, ...]


def terms(code: str, parts: Mapping[str, bool]) -> Iterator[Term]:
    """The terms of a code as the list has them.

    Raises:
        ValueError: there is no such code.
    """
    if parts.get("title"):
        yield Term(title(code), ("title",))
    code = normalised(code)
    if parts.get("inclusion"):
        yield from (Term(text, ("inclusion",)) for text in synonyms(code)[1:])
    if parts.get("parent"):
        yield from (Term(text, ("parent",)) for text in _of_parent(code))
    if parts.get("reference"):
        yield from (Term(text, ("reference",)) for text in references().get(code, ()))


def _of_parent(code: str) -> Iterator[str]:
    """The inclusion terms of the subcategory or category whose unspecified case a code is."""
    while code[-1] in "09" and "unspecified" in title(code).lower():
        above = parents(code)[0]
        if above == code or not code.startswith(above):  # a block, which may have its only code's name
            return
        yield from synonyms(above)[1:]
        code = above


@cache
def references() -> Mapping[str, tuple[str, ...]]:
    """Code → what the Excludes1 notes of other codes call it, where they name this one code alone."""
    found: dict[str, dict[str, None]] = {}
    for code, text in excluded_terms():
        found.setdefault(code, {})[text] = None
    return {code: tuple(texts) for code, texts in found.items()}


def see(text: str) -> list[str]:
    """Without a pointer to another place: "nevus - see Alphabetical Index" → "nevus"."""
    return [_CODES.sub("", _SEE.sub("", text))]


def brackets(text: str) -> list[str]:
    """Without brackets; an abbreviation in them stands alone: "… syndrome [HPS]" → "… syndrome", "HPS"."""
    short = [inside for inside in _BRACKETS.findall(text) if _SHORT.fullmatch(inside)]
    return [_BRACKETS.sub("", text), *short]


def parentheses(text: str) -> list[str]:
    """Without what is in parentheses, and with each of it in front, as it may be said or left out:
    "hypertension (arterial) (benign)" → "hypertension", "arterial hypertension", "benign hypertension".
    """
    text = _JOINED.sub(r"\1-", _ENDING.sub("", text))
    bare = _MODIFIER.sub("", text)
    if "," in bare:
        return [bare]
    found = [bare]
    for match in _MODIFIER.finditer(text):
        word, before = match[1], _MODIFIER.sub("", text[: match.start()]).strip()
        after = _MODIFIER.sub("", text[match.end() :]).strip()
        if " " in word or _LATER.match(word):
            continue
        if not after:  # it qualifies what stands before it, and so does a lone word at the start
            found.append(f"{word} {uncapitalized(before)}")
        else:
            found.append(f"{word} {after}" if " " not in before else f"{before} {word} {after}")
    return found


def unspecified(text: str) -> list[str]:
    """Without "unspecified", "NOS" and their like: "Pneumonia, unspecified organism" → "Pneumonia"."""
    return [_UNSPECIFIED.sub("", text)]


def encounter(text: str) -> list[str]:
    """Without the episode of care that no note names: ", initial encounter for closed fracture"."""
    return [_ENCOUNTER.sub("", text)]


def other(text: str) -> list[str]:
    """Without "other" and "specified". What is left may be another code's name: the filters see to it."""
    return [_OTHER.sub("", text)]


def without(text: str) -> list[str]:
    """Without the complication that there is none of, which few notes say: "… without obstruction"."""
    return [_WITHOUT.sub("", text)]


def and_or(text: str) -> list[str]:
    """Each of two things that are named alone: "syncope and collapse" → both, "syncope", "collapse"."""
    one, _, two = text.partition(" and ")
    named = all(_NAMED.fullmatch(part) and not _ADJECTIVE.search(part) for part in (one, two))
    return [text, one, two] if named else [text]


def inversion(text: str) -> list[str]:
    """In the order of speech: "Pneumonia, bacterial" → "bacterial pneumonia", "Asthma, with …" → no comma."""
    head, comma, rest = text.partition(", ")
    if not comma or ", " in rest:
        return [text]
    if _LATER.match(rest):
        return [f"{head} {rest}"]
    if len(head.split()) > 4 or len(rest.split()) > 3 or rest in _NOT_BEFORE:
        return [text]
    return [f"{rest} {uncapitalized(head)}"]


CLEANING: Mapping[str, Callable[[str], list[str]]] = {
    "see": see,
    "brackets": brackets,
    "parentheses": parentheses,
    "unspecified": unspecified,
    "encounter": encounter,
    "other": other,
    "without": without,
    "and_or": and_or,
    "inversion": inversion,
}
"""Name → rule: what it makes of a text, which takes the text's place. In the order in which they apply."""


def cleaned(term: Term, rules: Mapping[str, bool]) -> list[Term]:
    """What the rules that are switched on make of a term, one after the other."""
    found = [term]
    for name, rule in CLEANING.items():
        if rules.get(name):
            found = [
                Term(tidy, (*old.rules, name) if tidy != old.text else old.rules)
                for old in found
                for text in rule(old.text)
                if (tidy := " ".join(text.split()).strip(" ,;-"))
            ]
    return [Term(uncapitalized(text), made_by) for text, made_by in found]
