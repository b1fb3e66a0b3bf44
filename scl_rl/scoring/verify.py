"""Whether words alone imply a code: the question that is asked where no evidence is annotated."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..corpus.types import Document, Fragment
from .gold import GoldDocument
from .match import TOKEN
from .note import NoteText


class Verifier(Protocol):
    """Judges words taken out of their note; frozen while a model is trained against it."""

    def implies(self, words: str, code: str, among: Sequence[str]) -> bool:
        """Whether the words imply the code, which is one of the document's codes ``among``."""


@runtime_checkable
class ReadsContext(Protocol):
    """A verifier that also reads the words around a mention."""

    def affirms(self, note: NoteText, mention: Sequence[Fragment]) -> bool:
        """Whether the mention counts where it stands: it is not denied, and not a relative's."""


@dataclass(frozen=True)
class AnyVerifier:
    """Several verifiers as one: words imply a code if one says so, and a mention counts if none objects."""

    verifiers: tuple[Verifier, ...]

    def implies(self, words: str, code: str, among: Sequence[str]) -> bool:
        """As :meth:`Verifier.implies`."""
        return any(verifier.implies(words, code, among) for verifier in self.verifiers)

    def affirms(self, note: NoteText, mention: Sequence[Fragment]) -> bool:
        """As :meth:`ReadsContext.affirms`."""
        return all(affirmed(verifier, note, mention) for verifier in self.verifiers)


def affirmed(verifier: Verifier, note: NoteText, mention: Sequence[Fragment]) -> bool:
    """Whether the verifier lets a mention count where it stands; one that reads words alone always does."""
    return not isinstance(verifier, ReadsContext) or verifier.affirms(note, mention)


def implied(
    verifier: Verifier, note: NoteText, mention: Sequence[Fragment], code: str, among: Sequence[str]
) -> bool:
    """Whether a mention's words imply the code, and count where they stand."""
    return verifier.implies(spoken(note.text, mention), code, among) and affirmed(verifier, note, mention)


def accuracy(verifier: Verifier, documents: Iterable[Document], seed: int = 0) -> dict[str, Any]:
    """How a verifier does on documents whose evidence is annotated.

    Returns:
        Shares in [0, 1] of the words of each sort that are said to imply a code: ``evidence`` (gold mentions
        and their own code; by tier as ``evidence_A`` … where the documents name tiers), ``other_code`` (gold
        mentions and another code of the document), ``elsewhere`` (as many words from where no evidence
        is, and any code of the document) and ``again`` (the words of gold mentions where they stand again
        and are no evidence, most of them denied or a relative's); the first should be high, the others low.
        A sort without words is left out. ``pairs`` counts what was asked, ``again`` aside.
    """
    rng = random.Random(seed)
    said: dict[str, list[bool]] = {"evidence": [], "other_code": [], "elsewhere": [], "again": []}
    for document in documents:
        gold = GoldDocument.of(document)
        codes = list(gold.mentions)
        tiers = {a.code: (a.model_extra or {}).get("tier") for a in document.annotations or ()}
        free = _free_words(gold)
        for code, mentions in gold.mentions.items():
            for mention in mentions[:1]:
                words = spoken(gold.text, mention)
                right = implied(verifier, gold, mention, code, codes)
                said["evidence"].append(right)
                again = [p for p in dict.fromkeys(gold.places(mention)) if not gold.overlap(code, p)]
                said["again"] += [implied(verifier, gold, place, code, codes) for place in again]
                if tiers[code]:
                    said.setdefault(f"evidence_{tiers[code]}", []).append(right)
                others = [c for c in codes if c != code and not gold.overlap(c, mention, anywhere=True)]
                said["other_code"] += [verifier.implies(words, other, codes) for other in others]
                if free:
                    unrelated = _run(gold.text, free, len(TOKEN.findall(words)), rng)
                    said["elsewhere"].append(verifier.implies(unrelated, code, codes))
    shares = {sort: sum(answers) / len(answers) for sort, answers in sorted(said.items()) if answers}
    return {**shares, "pairs": sum(len(said[sort]) for sort in ("evidence", "other_code", "elsewhere"))}


def spoken(text: str, mention: Sequence[Fragment]) -> str:
    """The words of a mention, its fragments one after the other."""
    return " ".join(" ".join(text[start:end] for start, end in mention).split())


def _free_words(gold: GoldDocument) -> list[Fragment]:
    """The words that belong to no evidence, nor stand where the same words do."""
    taken = {
        token
        for mentions in gold.mentions.values()
        for mention in mentions
        for place in gold.places(mention)
        for token in gold.tokens.touched(place)
    }
    return [match.span() for i, match in enumerate(TOKEN.finditer(gold.text)) if i not in taken]


def _run(text: str, free: list[Fragment], length: int, rng: random.Random) -> str:
    """So many free words, one after the other."""
    start = rng.randrange(max(1, len(free) - length + 1))
    words = free[start : start + max(1, length)]
    return " ".join(text[s:e] for s, e in words)
