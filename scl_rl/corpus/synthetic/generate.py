"""From settings to the five sets of a synthetic corpus."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ..types import Annotation, Document, Span
from .notes import write_note
from .settings import SyntheticSettings
from .tiers import Wordings, choose_wordings


@dataclass(frozen=True)
class SyntheticCorpus:
    """The sets, and the tier of every wording of every code."""

    documents: list[Document]
    spans: list[Span]
    code_only: list[Document]
    dev: list[Document]
    test: list[Document]
    wordings: Wordings


def generate(settings: SyntheticSettings) -> SyntheticCorpus:
    """Make a corpus. Each set has its own random stream, so that its size changes no other set.

    Raises:
        UserError: there are not as many codes as asked for.
    """
    wordings = choose_wordings(settings.codes, settings.seed)
    seen: set[str] = set()
    documents = _documents("train", settings.documents, "A", wordings, settings, seen)
    coded = _documents("codes", settings.code_only, "ACCC", wordings, settings, seen)
    dev = _documents("dev", settings.dev, "ABCD", wordings, settings, seen)
    test = _documents("test", settings.test, "ABCD", wordings, settings, seen)
    return SyntheticCorpus(
        documents, _spans(wordings, settings), [_without_evidence(d) for d in coded], dev, test, wordings
    )


def _documents(
    name: str, size: int, tiers: str, wordings: Wordings, settings: SyntheticSettings, seen: set[str]
) -> list[Document]:
    """Notes that no other set has, their codes dealt round so that each comes up as often as the others."""
    rng = random.Random(f"{settings.seed}-{name}")
    deck = _deal(list(wordings), rng)
    made: list[Document] = []
    while len(made) < size:
        count = 0 if rng.random() < settings.empty_rate else rng.randint(*settings.codes_per_document)
        codes = list(dict.fromkeys(next(deck) for _ in range(count)))
        note = write_note(f"syn-{name}-{len(made) + 1:04d}", codes, wordings, tiers, settings, rng)
        if note.text not in seen:
            seen.add(note.text)
            made.append(note)
    return made


def _deal(codes: list[str], rng: random.Random) -> Iterator[str]:
    while True:
        rng.shuffle(codes)
        yield from codes


def _without_evidence(document: Document) -> Document:
    """The same note as the world has it: codes, and nothing of where they come from."""
    codes = [Annotation(code=a.code, system=a.system, mentions=None) for a in document.annotations or ()]
    return Document(id=document.id, text=document.text, annotations=codes)


def _spans(wordings: Wordings, settings: SyntheticSettings) -> list[Span]:
    """Wordings of tiers A and B as they would be taken out of notes, half of them capitalised."""
    rng = random.Random(f"{settings.seed}-spans")
    shown = [
        (code, wording, tier)
        for code, its in wordings.items()
        for wording, tier in its.items()
        if tier in "AB"
    ]
    size = settings.spans or len(shown)
    drawn: list[tuple[str, str, str]] = []
    while len(drawn) < size:
        drawn += rng.sample(shown, len(shown))
    return [
        Span.model_validate(
            {
                "text": wording[:1].upper() + wording[1:] if rng.random() < 0.5 else wording,
                "code": code,
                "source": "synthetic",
                "tier": tier,
            }
        )
        for code, wording, tier in drawn[:size]
    ]
