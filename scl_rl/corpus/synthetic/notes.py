"""Writing one note: sentences with their mentions, put in order under section headings."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from ..types import Document, Fragment
from .phrases import AFFIRMED, COMPATIBLE, FILLER, INSERTS, OPENINGS, SECTIONS, TRAPS
from .settings import SyntheticSettings
from .tiers import Wordings, occurs


@dataclass
class _Sentence:
    """One sentence; ``fragments`` are offsets into it. ``trap`` is the kind of trap, None where it counts."""

    section: str
    text: str
    code: str = ""
    tier: str = ""
    trap: str | None = None
    fragments: list[Fragment] = field(default_factory=list)


def write_note(
    identifier: str,
    codes: list[str],
    wordings: Wordings,
    tiers: str,
    settings: SyntheticSettings,
    rng: random.Random,
) -> Document:
    """A note that affirms the given codes, with wordings of the given tiers only.

    All mentions of one code are of one tier. Beside ``annotations`` (with ``tier`` and ``kinds``) the
    document carries ``traps``: mentions that look like evidence and are none.
    """
    sentences: list[_Sentence] = []
    for code in codes:
        tier = rng.choice(tiers)
        sentences += _affirm(code, tier, wordings, settings, rng)
    for code in codes or rng.sample(list(wordings), 2):
        if rng.random() < settings.trap_rate or not codes:
            sentences.append(_trap(code, sentences, codes, wordings, tiers, settings, rng))
    return _assemble(identifier, sentences, rng)


def _of_tier(code: str, tier: str, wordings: Wordings) -> list[str]:
    return [wording for wording, its in wordings[code].items() if its == tier]


def _affirm(
    code: str, tier: str, wordings: Wordings, settings: SyntheticSettings, rng: random.Random
) -> list[_Sentence]:
    """One sentence that affirms a code, or two in different sections."""
    times = 2 if rng.random() < settings.repeat_rate else 1
    made = []
    for section in rng.sample(sorted(AFFIRMED), times):
        wording = rng.choice(_of_tier(code, tier, wordings))
        template = rng.choice(AFFIRMED[section])
        split = " " in wording and rng.random() < settings.split_rate
        made.append(
            _fill(_Sentence(section, template, code, tier), wording, rng.choice(INSERTS) if split else "")
        )
    return made


def _trap(
    code: str,
    sentences: list[_Sentence],
    codes: list[str],
    wordings: Wordings,
    tiers: str,
    settings: SyntheticSettings,
    rng: random.Random,
) -> _Sentence:
    """A mention that doesn't count: of a word that counts elsewhere in the note, or of another code."""
    same_word = bool(codes) and rng.random() < settings.same_word_rate
    kind = rng.choice(COMPATIBLE if same_word else tuple(sorted(TRAPS)))
    section = rng.choice(sorted(TRAPS[kind]))
    if same_word:
        tier = next(sentence.tier for sentence in sentences if sentence.code == code)
    else:
        code = rng.choice([other for other in wordings if other not in codes])
        tier = rng.choice(tiers)
    used = [w for w in wordings[code] if any(s.code == code and occurs(w, s.text) for s in sentences)]
    wording = rng.choice(used or _of_tier(code, tier, wordings))
    return _fill(_Sentence(section, rng.choice(TRAPS[kind][section]), code, tier, kind), wording, "")


def _fill(sentence: _Sentence, wording: str, insert: str) -> _Sentence:
    """Put a wording into a sentence's template; an insert before its last word makes it discontinuous."""
    before, _, after = sentence.text.partition("{w}" if "{w}" in sentence.text else "{W}")
    shown = wording if "{w}" in sentence.text else wording[:1].upper() + wording[1:]
    start = len(before)
    if insert:
        head, _, tail = shown.rpartition(" ")
        shown = f"{head} {insert} {tail}"
        end = start + len(shown)
        sentence.fragments = [(start, start + len(head)), (end - len(tail), end)]
    else:
        sentence.fragments = [(start, start + len(shown))]
    sentence.text = before + shown + after
    return sentence


def _assemble(identifier: str, sentences: list[_Sentence], rng: random.Random) -> Document:
    """Sentences under their headings, with filler, as a document with gold and traps."""
    rng.shuffle(sentences)
    woman = rng.random() < 0.5
    opening = rng.choice(OPENINGS).format(
        age=rng.randint(19, 89), sex="woman" if woman else "man", sex_title="Woman" if woman else "Man"
    )
    text = opening
    placed: list[tuple[_Sentence, list[Fragment]]] = []
    for section in SECTIONS:
        here = [sentence for sentence in sentences if sentence.section == section]
        fillers = FILLER.get(section, ())
        if fillers and rng.random() < (0.5 if here else 0.3):
            here.insert(rng.randint(0, len(here)), _Sentence(section, rng.choice(fillers)))
        for number, sentence in enumerate(here):
            text += f"\n{section}: " if number == 0 else " "
            placed.append((sentence, [(s + len(text), e + len(text)) for s, e in sentence.fragments]))
            text += sentence.text
    mentions = [(sentence, places) for sentence, places in placed if sentence.code]
    return Document.model_validate(
        {
            "id": identifier,
            "text": text,
            "annotations": _annotations(mentions),
            "traps": [
                {"code": sentence.code, "kind": sentence.trap, "tier": sentence.tier, "fragments": places}
                for sentence, places in mentions
                if sentence.trap
            ],
        }
    )


def _annotations(mentions: list[tuple[_Sentence, list[Fragment]]]) -> list[dict[str, Any]]:
    by_code: dict[str, list[tuple[_Sentence, list[Fragment]]]] = {}
    for sentence, places in mentions:
        if sentence.trap is None:
            by_code.setdefault(sentence.code, []).append((sentence, places))
    made = []
    for code, affirmed in by_code.items():
        trapped = [places[0] for sentence, places in mentions if sentence.code == code and sentence.trap]
        kinds = ["repeated" if len(affirmed) > 1 else "single"]
        kinds += ["discontinuous"] if any(len(places) > 1 for _, places in affirmed) else []
        kinds += ["trap_before"] if any(trap < affirmed[0][1][0] for trap in trapped) else []
        kinds += ["trap_after"] if any(trap > affirmed[0][1][0] for trap in trapped) else []
        made.append(
            {
                "code": code,
                "system": "ICD-10-CM",
                "mentions": [places for _, places in affirmed],
                "tier": affirmed[0][0].tier,
                "kinds": kinds,
            }
        )
    return made
