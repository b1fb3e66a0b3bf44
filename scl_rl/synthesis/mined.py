"""Wordings that the miner finds in notes of which the codes are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..corpus.spans import spans_of
from ..corpus.types import Document
from ..mining import EvidenceMiner
from ..mining.settings import MiningSettings
from .candidates import Candidate


def mined_candidates(
    codes: Sequence[str], documents: Sequence[Document], settings: MiningSettings
) -> Iterator[Candidate]:
    """The evidence that the miner finds for each code, the most frequent first, with the best ``score``."""
    miner = EvidenceMiner.fit(documents, settings)
    wanted = set(codes)
    found: Counter[tuple[str, str]] = Counter()
    for document in documents:
        found.update((span.code, span.text) for span in spans_of([miner.annotate(document)], "mined"))
    for (code, text), _ in sorted(found.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        if code in wanted:
            yield Candidate(text, code, "mined", details={"score": round(miner.score(text, code), 4)})
