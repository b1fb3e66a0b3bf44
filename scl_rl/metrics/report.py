"""Every figure that scl-rl reports of predictions against gold documents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..corpus.jsonl import read_documents, read_predictions
from ..corpus.types import Document, Prediction
from ..scoring.locate import misquotes
from ..scoring.tally import Counts, Tally
from .judged import judged
from .published import MDACE_SCORES, codiesp_x_counts, gold_mentions, mdace_counts, predicted_mentions
from .tiers import TierTally

BETAS = (0.5, 2.0)
"""Of the F-beta figures that stand beside joint F1: precision counts twice as much as recall, and half."""


def evaluate_files(predictions: Path, documents: Path) -> dict[str, Any]:
    """:func:`evaluate_predictions` on two JSONL files.

    Raises:
        UserError: a file can't be read, a document has no annotations, or the two don't go together.
    """
    gold = read_documents(documents, labelled=True)
    return evaluate_predictions(gold, read_predictions(predictions, gold, documents))


def evaluate_predictions(documents: list[Document], predictions: Iterable[Prediction]) -> dict[str, Any]:
    """Code, joint and evidence figures; a document without a prediction counts as one with no codes.

    ``code`` compares sets of codes; in ``joint`` a code counts only if it is cited, in ``joint_anywhere``
    a mention may stand for every place where its words occur. Documents with a code whose evidence was
    never annotated take part in ``code`` and ``evidence.grounded`` alone. 0/0 is 0 throughout. ``joint`` has
    besides ``micro`` and ``macro`` the micro F-beta of :data:`BETAS`, ``f0.5`` and ``f2``.
    """
    code, joint, anywhere, tiers = Tally(), Tally(), Tally(), TierTally()
    mdace = dict.fromkeys(MDACE_SCORES, Counts())
    codiesp = Counts()
    mentions = located = misquoted = all_cited = with_evidence = malformed = without_prediction = 0
    for one in judged(documents, predictions):
        document, gold = one.document, one.gold
        without_prediction += not one.predicted
        malformed += one.prediction.malformed
        mentions += one.mentions
        located += one.located
        misquoted += _misquoted(document.text, one.prediction)
        code.add(gold.mentions, one.right)
        if not gold.has_evidence:
            continue
        with_evidence += 1
        joint.add(gold.mentions, one.cited)
        anywhere.add(gold.mentions, one.cited_anywhere)
        all_cited += all(one.cited.values())
        tiers.add(document, gold, one.places, one.verdicts)
        golds, cited = gold_mentions(document), predicted_mentions(one.prediction)
        for name, counts in mdace_counts(document.text, golds, cited).items():
            mdace[name] += counts
        codiesp += codiesp_x_counts(golds, cited, list(one.places))
    both = joint.micro()
    figures: dict[str, Any] = {
        "documents": len(documents),
        "without_prediction": without_prediction,
        "code": code.as_dict(),
        "joint": {**joint.as_dict(), **{f"f{beta:g}": both.f_beta(beta) for beta in BETAS}},
        "joint_anywhere": anywhere.as_dict(),
        "evidence": {
            "grounded": located / mentions if mentions else 0.0,
            "misquoted": misquoted,
            **{name: counts.as_dict() for name, counts in mdace.items()},
        },
        "codiesp_x": codiesp.as_dict(),
        "all_cited": all_cited / with_evidence if with_evidence else 0.0,
        "malformed": malformed,
    }
    if tiers.found:
        figures["tiers"] = tiers.as_dict()
    return figures


def _misquoted(text: str, prediction: Prediction) -> int:
    """How many mentions quote other words than stand at their fragments; the fragments are what is scored."""
    return sum(misquotes(text, mention) for code in prediction.codes for mention in code.mentions)
