"""What the page shows of each note: the text, what the model proposed, and what the scorer says of it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..corpus.types import DEFAULT_SYSTEM, Document, Fragment, PredictedMention, Prediction
from ..scoring import GoldDocument, ScoredCode, ScoredMention, score_prediction
from ..scoring.dictionary import SpanDictionary
from ..scoring.locate import misquotes
from ..scoring.verify import spoken

MOST_PLACES = 50
"""Other places of the same words that are shown."""

MISSED = "missed"


def fingerprint(documents: Iterable[Document], predictions: Iterable[Prediction]) -> str:
    """Sixteen hex digits that tell these notes with these predictions from any others."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps([document.id, document.text]).encode())
    for prediction in predictions:
        digest.update(prediction.model_dump_json(include={"id", "codes"}).encode())
    return digest.hexdigest()[:16]


def predicted_notes(
    documents: Sequence[Document], predictions: Iterable[Prediction]
) -> tuple[list[Document], list[Prediction]]:
    """The documents that have a prediction, in their order, and their predictions in the same order."""
    by_id = {prediction.id: prediction for prediction in predictions}
    notes = [document for document in documents if document.id in by_id]
    return notes, [by_id[document.id] for document in notes]


def system_of(documents: Iterable[Document]) -> tuple[str, dict[str, str]]:
    """The code system of most codes, and those of codes that have another."""
    found = {a.code: a.system for document in documents for a in document.annotations or ()}
    ((most, _),) = Counter(found.values()).most_common(1) or [(DEFAULT_SYSTEM, 0)]
    return most, {code: system for code, system in found.items() if system != most}


def review_note(
    document: Document,
    prediction: Prediction,
    *,
    blind: bool = False,
    wordings: SpanDictionary | None = None,
) -> dict[str, Any]:
    """One note as the page's script reads it; all offsets are code points.

    Args:
        blind: show nothing of the document's own annotations.
        wordings: what words were marked with in training; absent, nothing is said of words alone.

    Returns:
        ``{"id", "text", "malformed", "codes": [{"code", "source", "outcome", "mentions", "gold"}]}``. The
        model's codes come first, then those of the document that it missed (``source`` is ``gold``).
        ``outcome`` is the scorer's, ``missed``, or None where there is no gold to judge by. A mention has
        ``quotes``, ``fragments`` (None = not in the note), ``misquoted``, ``torn``, ``places`` (where the
        words stand too) and ``alone`` (how often training marked these words with this code and with
        others). ``gold`` are the gold mentions of a code that is right and not cited.
    """
    labelled = document.annotations is not None and not blind
    gold = GoldDocument.of(document) if labelled else GoldDocument(document.text, ())
    scored = score_prediction(prediction, gold)
    cited = _mentions_by_code(prediction)
    codes = [_proposed(gold, code, cited[code.code], labelled, wordings) for code in scored.codes]
    found = {code.code for code in scored.codes}
    codes += [_missed(gold, code, wordings) for code in gold.mentions if code not in found]
    return {"id": document.id, "text": document.text, "malformed": prediction.malformed, "codes": codes}


def _mentions_by_code(prediction: Prediction) -> dict[str, list[PredictedMention]]:
    found: dict[str, list[PredictedMention]] = {}
    for predicted in prediction.codes:
        found.setdefault(predicted.code, []).extend(predicted.mentions)
    return found


def _proposed(
    gold: GoldDocument,
    scored: ScoredCode,
    cited: Sequence[PredictedMention],
    labelled: bool,
    wordings: SpanDictionary | None,
) -> dict[str, Any]:
    shown = labelled and scored.outcome != "cited"
    return {
        "code": scored.code,
        "source": "model",
        "outcome": scored.outcome if labelled else None,
        "mentions": [
            _cited(gold, scored.code, one, mention, wordings)
            for one, mention in zip(scored.mentions, cited, strict=True)
        ],
        "gold": [list(mention) for mention in gold.mentions.get(scored.code, ())] if shown else [],
    }


def _cited(
    gold: GoldDocument,
    code: str,
    scored: ScoredMention,
    mention: PredictedMention,
    wordings: SpanDictionary | None,
) -> dict[str, Any]:
    place = scored.fragments
    return {
        "quotes": mention.quotes,
        "fragments": place and list(place),
        "misquoted": misquotes(gold.text, mention),
        "torn": scored.torn,
        "places": _other_places(gold, place) if place else [],
        "alone": _alone(" ".join(mention.quotes), code, wordings),
    }


def _missed(gold: GoldDocument, code: str, wordings: SpanDictionary | None) -> dict[str, Any]:
    mentions = [
        {
            "quotes": [gold.text[start:end] for start, end in mention],
            "fragments": list(mention),
            "misquoted": False,
            "torn": False,
            "places": _other_places(gold, mention),
            "alone": _alone(spoken(gold.text, mention), code, wordings),
        }
        for mention in gold.mentions[code]
    ]
    return {"code": code, "source": "gold", "outcome": MISSED, "mentions": mentions, "gold": []}


def _other_places(gold: GoldDocument, mention: tuple[Fragment, ...]) -> list[list[Fragment]]:
    """Where the mention's words stand too."""
    others = [place for place in dict.fromkeys(gold.places(mention)) if place != mention]
    return [list(place) for place in others[:MOST_PLACES]]


def _alone(words: str, code: str, wordings: SpanDictionary | None) -> dict[str, Any] | None:
    """Whether the words alone imply the code, by what they were marked with in training."""
    if wordings is None:
        return None
    marked = wordings.codes(words)
    others = [[other, count] for other, count in marked.most_common(4) if other != code]
    return {"this": marked.get(code, 0), "others": others[:3]}
