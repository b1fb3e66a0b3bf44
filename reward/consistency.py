"""The reward for documents whose codes are known and whose evidence nobody annotated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..answer.grammar import Answer
from ..corpus.jsonl import read_documents
from ..rewards_api.protocol import Scored
from ..scoring import GoldDocument, ScoredCode, score_answer
from ..scoring.verify import Verifier, accuracy, implied
from .adapter import AnswerReward, P
from .arguments import Beta, Cap
from .claims import extra, f_beta
from .verifiers import Kind, kinds_of, mining_settings, verifier_of

_MADE_OF = ("spans", "annotated", "code_only", "model", "base", "mining")


class VerifiedReward(AnswerReward[P]):
    """A reward whose verdicts are those of a verifier that learned from spans or from known codes."""

    def needs(self, **arguments: Any) -> set[str]:
        """What the verifiers are made of."""
        kinds = kinds_of(arguments.get("verifier", "dictionary"))
        needed = {"spans"} if {"dictionary", "model"} & set(kinds) else set()
        if "model" in kinds:
            needed.add("model")
        if "corpus" in kinds and arguments.get("annotated") is None:
            needed.add("code_only")
        return needed

    def accuracy(self, documents: Path, **arguments: Any) -> dict[str, Any]:
        """How good the verifier is on annotated documents; see :func:`scl_rl.scoring.verify.accuracy`."""
        made_of = {name: arguments.get(name) for name in _MADE_OF}
        judge = verifier_of(arguments.get("verifier", "dictionary"), **made_of)
        return accuracy(judge, read_documents(documents))

    def check_arguments(self, **arguments: Any) -> None:
        """As every reward, and the settings of the corpus verifier."""
        super().check_arguments(**arguments)
        mining_settings(arguments.get("mining"))


@VerifiedReward
def consistency(
    answer: Answer,
    document: GoldDocument,
    *,
    verifier: Kind | list[Kind] = "dictionary",
    spans: str | None = None,
    annotated: str | None = None,
    code_only: str | None = None,
    model: str | None = None,
    base: str | None = None,
    mining: dict[str, Any] | None = None,
    everywhere: bool = False,
    beta: Beta = 1.0,
    mention_cap: Cap = 1,
) -> Scored | None:
    """F-beta over codes, in [0, 1], where a true positive is a code of the document whose words imply it.

    As ``evidence``, with the verdict on a citation taken from a verifier that stays as it is, and not from
    annotated evidence: a code counts if it is one of the document's, a quote of it is in the note, ends at
    word boundaries, and *alone implies the code* according to

    - the ``dictionary`` of the spans: the words were marked with the code;
    - the ``corpus`` of documents whose codes are known, annotated or not: of all words, these go with the
      code, and with no other code of the document better. It also reads the words around, and refuses
      what they deny; see :class:`~scl_rl.mining.EvidenceMiner`;
    - a span ``model``: the words make the code likelier, and more so than any other code of the document;
      see :class:`~scl_rl.modeling.span_model.SpanModel`.

    Of a list of these, one has to accept the words, and none may refuse the place. The dictionary accepts
    no words but those of a span.

    Abstains (None) where evidence is annotated, which ``evidence`` judges better, unless ``everywhere``.

    It pays for what its verifier mistakes, and without the corpus for right words where they are negated, a
    relative's or long past. Check a trained model on annotated evidence that it was not rewarded for;
    ``accuracy`` says how far the verifier can be trusted. The idea of a quote that must imply its code by
    itself is that of sufficiency of rationales (DeYoung et al. 2020, ERASER).

    Args:
        spans: spans.jsonl; in a recipe, the run's own if left out.
        annotated, code_only: documents whose codes are known, for the corpus; in a recipe, the run's own.
        model: a model folder that a stage wrote; in a recipe, the one that the stage starts from.
        base: the folder that a relative path in the model's card starts from.
        mining: fields of :class:`~scl_rl.mining.MiningSettings`, such as ``{min_score: 0.3}``.
        everywhere: judge documents with annotated evidence in the same way.
        mention_cap: as for ``evidence``.
    """
    if document.has_evidence and not everywhere:
        return None
    judge = verifier_of(verifier, spans, model, base, annotated, code_only, mining)
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
        implied(judge, document, mention.fragments, code.code, codes)
        for mention in code.mentions
        if mention.fragments is not None and not mention.torn
    )
