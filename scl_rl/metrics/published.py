"""Two published ways to score evidence, kept as their authors count: MDACE's and CodiEsp-X's."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..corpus.types import Document, Fragment, Prediction
from ..scoring import hull
from ..scoring.match import TOKEN
from ..scoring.tally import Counts

MDACE_SCORES = ("span", "span_anywhere", "token", "token_anywhere")
CODIESP_TOLERANCE = 10

Cited = tuple[str, Sequence[Fragment]]


def gold_mentions(document: Document) -> list[Cited]:
    """(code, fragments) of every gold mention."""
    return [(a.code, mention) for a in document.annotations or () for mention in a.mentions or ()]


def predicted_mentions(prediction: Prediction) -> list[Cited]:
    """(code, fragments) of every predicted mention that is located."""
    return [(c.code, m.fragments) for c in prediction.codes for m in c.mentions if m.fragments]


def mdace_counts(text: str, gold: list[Cited], predicted: list[Cited]) -> dict[str, Counts]:
    """MDACE's four micro scores for one document (Cheng et al., ACL 2023; 3mcloud/MDACE, mdace/metrics.py).

    Sets of: (start, end, code); (lower-cased text, code); (token start, code); (token, code).
    A discontinuous mention counts as its hull; a token is a ``\\w+`` run inside it, lower-cased, and
    whole numbers over 10 are dropped.
    """
    sides = [_mdace_sets(text, cited) for cited in (gold, predicted)]
    return {name: Counts.of_sets(sides[0][name], sides[1][name]) for name in MDACE_SCORES}


def _mdace_sets(text: str, cited: list[Cited]) -> dict[str, set[Hashable]]:
    sets: dict[str, set[Hashable]] = {name: set() for name in MDACE_SCORES}
    for code, mention in cited:
        start, end = hull(mention)
        sets["span"].add((start, end, code))
        sets["span_anywhere"].add((text[start:end].lower(), code))
        for match in TOKEN.finditer(text[start:end]):
            token = match.group().lower()
            if not (token.isdecimal() and int(token) > 10):
                sets["token"].add((start + match.start(), code))
                sets["token_anywhere"].add((token, code))
    return sets


def codiesp_x_counts(gold: list[Cited], predicted: list[Cited], codes: list[str]) -> Counts:
    """The CodiEsp-X rule for one document (Miranda-Escalada et al. 2020; codiespX_evaluation.py).

    The unit is a distinct lower-cased code. A mention is [first fragment's start, last fragment's end] in
    the order annotated. A code is a hit if any predicted mention of it begins at most 10 characters before
    a gold one and ends at most 10 after it, and not inside it. It can be gamed with many mentions a code,
    so it is reported and never a reward.

    Args:
        codes: every predicted code, those without a located mention included (they are never hits).
    """
    golds: dict[str, list[Fragment]] = {}
    for code, mention in gold:
        golds.setdefault(code.lower(), []).append((mention[0][0], mention[-1][1]))
    hits = {
        code.lower()
        for code, mention in predicted
        for start, end in golds.get(code.lower(), ())
        if 0 <= start - mention[0][0] <= CODIESP_TOLERANCE and 0 <= mention[-1][1] - end <= CODIESP_TOLERANCE
    }
    return Counts(len(hits), len({code.lower() for code in codes} - hits), len(golds.keys() - hits))
