"""The reward for documents whose codes are known and whose evidence nobody annotated."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ..answer.grammar import Answer
from ..corpus.jsonl import read_documents, read_spans
from ..rewards_api.protocol import Scored
from ..scoring import GoldDocument, ScoredCode, score_answer
from ..scoring.dictionary import SpanDictionary
from ..scoring.verify import Verifier, accuracy, spoken
from .adapter import AnswerReward, P
from .arguments import Beta, Cap
from .claims import extra, f_beta


class VerifiedReward(AnswerReward[P]):
    """A reward whose verdicts are those of a verifier that learned from spans."""

    def needs(self, **arguments: Any) -> set[str]:
        """What the verifier is made of."""
        return {"spans", "model"} if arguments.get("verifier") == "model" else {"spans"}

    def accuracy(self, documents: Path, **arguments: Any) -> dict[str, Any]:
        """How good the verifier is on annotated documents; see :func:`scl_rl.scoring.verify.accuracy`."""
        made_of = {name: arguments.get(name) for name in ("spans", "model", "base")}
        judge = verifier_of(arguments.get("verifier", "dictionary"), **made_of)
        return accuracy(judge, read_documents(documents))


@VerifiedReward
def consistency(
    answer: Answer,
    document: GoldDocument,
    *,
    verifier: Literal["dictionary", "model"] = "dictionary",
    spans: str | None = None,
    model: str | None = None,
    base: str | None = None,
    everywhere: bool = False,
    beta: Beta = 1.0,
    mention_cap: Cap = 1,
) -> Scored | None:
    """F-beta over codes, in [0, 1], where a true positive is a code of the document whose words imply it.

    As ``evidence``, with the verdict on a citation taken from what was learned from spans and not from
    annotated evidence: a code counts if it is one of the document's, a quote of it is in the note, ends at
    word boundaries, and *alone implies the code* according to a verifier that stays as it is. The verifier
    is the ``dictionary`` of the spans (the words were marked with the code) or a span ``model`` (the words
    make the code likelier, and more so than any other code of the document; see
    :class:`~scl_rl.modeling.span_model.SpanModel`). Only a model can accept words that no span has.

    Abstains (None) where evidence is annotated, which ``evidence`` judges better, unless ``everywhere``.

    It pays for what a quote alone can't show: the right words where they are negated, a relative's or long
    past, and any words that the verifier mistakes. Check a trained model on annotated evidence that it was
    not rewarded for; ``accuracy`` says how far the verifier can be trusted. The idea of a quote that must
    imply its code by itself is that of sufficiency of rationales (DeYoung et al. 2020, ERASER).

    Args:
        spans: spans.jsonl; in a recipe, the run's own if left out.
        model: a model folder that a stage wrote; in a recipe, the one that the stage starts from.
        base: the folder that a relative path in the model's card starts from.
        everywhere: judge documents with annotated evidence in the same way.
        mention_cap: as for ``evidence``.
    """
    if document.has_evidence and not everywhere:
        return None
    judge = verifier_of(verifier, spans, model, base)
    found = score_answer(answer, document)
    codes = list(document.mentions)
    consistent = [code for code in found.codes if _implied(code, document, codes, judge)]
    claimed = found.lines + found.malformed + sum([extra(code, mention_cap) for code in found.codes])
    score = f_beta(len(consistent), len(codes), claimed, beta)
    parts = {
        "consistent": len(consistent),
        "right": found.right,
        "gold": found.gold,
        "claimed": claimed,
        "unlocated": found.mentions - found.located,
    }
    return Scored(score, parts, found.describe)


def _implied(code: ScoredCode, document: GoldDocument, codes: list[str], judge: Verifier) -> bool:
    return code.verdict.in_gold and any(
        judge.implies(spoken(document.text, mention.fragments), code.code, codes)
        for mention in code.mentions
        if mention.fragments is not None and not mention.torn
    )


@lru_cache(maxsize=2)
def verifier_of(kind: str, spans: str | None, model: str | None = None, base: str | None = None) -> Verifier:
    """The verifier that the reward's arguments describe.

    Raises:
        ValueError: a file that it is made of is not given.
    """
    if spans is None:
        raise ValueError("needs the argument 'spans', a file of words and what they imply")
    known = read_spans(Path(spans))
    if kind == "dictionary":
        return SpanDictionary(known)
    if model is None:
        raise ValueError("needs the argument 'model', the folder of a model that learned from spans")
    from ..modeling.span_model import SpanModel

    return SpanModel(Path(model), known, Path(base or "."))
