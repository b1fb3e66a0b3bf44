"""The five sets of the synthetic corpus, each from a random generator of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UserError
from ..seen import Seen
from ..types import Annotation, Document, Mention, Span
from .note import Note, plan
from .settings import SIZES, SyntheticSettings
from .vocabulary import TIERS, Deck, Vocabulary, vocabulary
from .write import Fact, Piece

SOURCE = "synthetic"
_TRIES = 1000
_SETS = {
    "annotated": ("train", "A"),
    "code_only": ("codes", "CCCA"),
    "dev": ("dev", TIERS),
    "test": ("test", TIERS),
}
"""Set of documents → its name in their ids, and what the tier of each code is drawn from."""


@dataclass(frozen=True)
class SyntheticCorpus:
    """What was made. ``lexicon`` is code → wording → tier.

    ``code_only_gold`` are the code-only documents with their evidence: for measuring what is found in them,
    never for training.
    """

    documents: list[Document]
    spans: list[Span]
    code_only: list[Document]
    code_only_gold: list[Document]
    dev: list[Document]
    test: list[Document]
    lexicon: dict[str, dict[str, str]]


def generate(settings: SyntheticSettings) -> SyntheticCorpus:
    """Make the corpus. The same settings give the same bytes; the size of one set changes no other.

    Raises:
        UserError: there are not so many codes with enough wordings, or so many different notes.
    """
    words = vocabulary(settings.codes, settings.seed, settings.wordings)
    maker = _Maker(settings, words)
    documents, code_only = list(maker.documents("annotated")), list(maker.documents("code_only"))
    return SyntheticCorpus(
        documents=documents,
        spans=list(_spans(settings, words)),
        code_only=[_without_evidence(document) for document in code_only],
        code_only_gold=code_only,
        dev=list(maker.documents("dev")),
        test=list(maker.documents("test")),
        lexicon=words.tiers(),
    )


def stream(settings: SyntheticSettings) -> Iterator[tuple[str, Iterator[Document] | Iterator[Span]]]:
    """The sets of the corpus by name, each made while it is gone through, before the next is asked for.

    About 16 bytes are kept for each document that was made, and 8 for each span.

    Raises:
        UserError: as :func:`generate`; that there are no more different notes, while a set is gone through.
    """
    words = vocabulary(settings.codes, settings.seed, settings.wordings)
    maker = _Maker(settings, words)
    yield "annotated", maker.documents("annotated")
    yield "spans", _spans(settings, words)
    yield "code_only", map(_without_evidence, maker.documents("code_only"))
    yield "dev", maker.documents("dev")
    yield "test", maker.documents("test")


class _Maker:
    """Makes documents, no two with the same text; so the sets have to be made in one order."""

    def __init__(self, settings: SyntheticSettings, words: Vocabulary) -> None:
        self._settings = settings
        self._words = words
        self._known = [
            (wording.lower(), code) for code, wordings in words.tiers().items() for wording in wordings
        ]
        self._seen = Seen()

    def documents(self, of_set: str) -> Iterator[Document]:
        """The documents of a set, with their evidence."""
        name, tiers = _SETS[of_set]
        rng = random.Random(f"{self._settings.seed}-{name}")
        deck = Deck(self._words.codes, rng)
        for number in range(1, getattr(self._settings, SIZES[of_set]) + 1):
            yield self._document(f"syn-{name}-{number:04}", deck, tiers, rng)

    def _document(self, id_: str, deck: Deck, tiers: str, rng: random.Random) -> Document:
        settings = self._settings
        empty = rng.random() < settings.empty_rate
        codes = [] if empty else deck.draw(rng.randint(*settings.codes_per_document))
        for _ in range(_TRIES):
            facts = plan(codes, self._words, lambda: rng.choice(tiers), settings, rng)
            note = Note(facts, rng).finished(settings.characters)
            if note.text not in self._seen and self._complete(note):
                self._seen.number(note.text)
                return _labelled(id_, note)
        raise UserError(f"{id_}: no new note in {_TRIES} tries; ask for fewer or longer documents")

    def _complete(self, note: Piece) -> bool:
        """Whether the wordings stand nowhere but where they were put, not even across a seam."""
        put = {(fact.code, mention[0]) for fact, mention in note.marks if len(mention) == 1}
        lowered = note.text.lower()
        for wording, code in self._known:
            at = lowered.find(wording)
            while at >= 0:
                if (code, (at, at + len(wording))) not in put:
                    return False
                at = lowered.find(wording, at + 1)
        return True


def _labelled(id_: str, note: Piece) -> Document:
    gold: dict[str, list[tuple[Fact, Mention]]] = {}
    traps: list[tuple[Fact, Mention]] = []
    for fact, mention in sorted(note.marks, key=lambda mark: mark[1]):
        if fact.what == "affirmed":
            gold.setdefault(fact.code, []).append((fact, mention))
        else:
            traps.append((fact, mention))
    annotations = [
        Annotation.model_validate(
            {
                "code": code,
                "mentions": [mention for _, mention in marks],
                "tier": marks[0][0].tier,
                "kinds": _kinds([mention for _, mention in marks], [m for f, m in traps if f.code == code]),
            }
        )
        for code, marks in gold.items()
    ]
    trapped = [
        {"code": fact.code, "kind": fact.what, "tier": fact.tier, "fragments": [list(f) for f in mention]}
        for fact, mention in traps
    ]
    return Document.model_validate(
        {"id": id_, "text": note.text, "annotations": annotations, "traps": trapped}
    )


def _kinds(mentions: list[Mention], traps: list[Mention]) -> list[str]:
    """What makes the code's evidence easy or hard to cite."""
    kinds = ["repeated" if len(mentions) > 1 else "single"]
    if any(len(mention) > 1 for mention in mentions):
        kinds.append("discontinuous")
    if any(trap < mentions[0] for trap in traps):
        kinds.append("trap_before")
    if any(trap > mentions[0] for trap in traps):
        kinds.append("trap_after")
    return kinds


def _without_evidence(document: Document) -> Document:
    codes = sorted(annotation.code for annotation in document.annotations or ())
    return Document(
        id=document.id,
        text=document.text,
        annotations=[Annotation(code=code, mentions=None) for code in codes],
    )


def _spans(settings: SyntheticSettings, words: Vocabulary) -> Iterator[Span]:
    """The wordings of tiers A and B, in rounds: each once, then each again, some with a capital."""
    rng = random.Random(f"{settings.seed}-spans")
    shown = [
        (code, wording.text, tier)
        for code, by_tier in words.wordings.items()
        for tier in "AB"
        for wording in by_tier[tier]
    ]
    number = settings.spans
    if number is None:
        rounds = [*shown, *rng.sample(shown, len(shown) // 2)]
        rng.shuffle(rounds)
    else:
        rounds = []
        while len(rounds) < number:
            rounds += rng.sample(shown, len(shown))
        rounds = rounds[:number]
    for code, text, tier in rounds:
        shown_as = text[:1].upper() + text[1:] if rng.random() < 0.35 else text
        yield Span.model_validate({"text": shown_as, "code": code, "source": SOURCE, "tier": tier})
