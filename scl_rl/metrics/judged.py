"""One document with its prediction, and what the scorer says of it: what every figure is counted from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..corpus.types import Document, Fragment, Prediction
from ..scoring import CodeVerdict, GoldDocument


@dataclass(frozen=True)
class Judged:
    """A document, its gold side and its prediction (one without codes where there is none: ``predicted``)."""

    document: Document
    gold: GoldDocument
    prediction: Prediction
    predicted: bool = True

    @cached_property
    def places(self) -> dict[str, list[Sequence[Fragment] | None]]:
        """The cited places of each predicted code, its entries taken together; None = not located."""
        found: dict[str, list[Any]] = {code.code: [] for code in self.prediction.codes}
        for code in self.prediction.codes:
            found[code.code] += [mention.fragments for mention in code.mentions]
        return found

    @cached_property
    def verdicts(self) -> dict[str, CodeVerdict]:
        """The verdict on each predicted code."""
        return {code: self.gold.verdict(code, places) for code, places in self.places.items()}

    @property
    def right(self) -> dict[str, bool]:
        """Predicted code → whether it is in gold."""
        return {code: verdict.in_gold for code, verdict in self.verdicts.items()}

    @property
    def cited(self) -> dict[str, bool]:
        """Predicted code → whether it is cited."""
        return {code: verdict.cited for code, verdict in self.verdicts.items()}

    @property
    def cited_anywhere(self) -> dict[str, bool]:
        """Predicted code → whether it is cited if a mention may stand for every place of its words."""
        return {
            code: verdict.cited or self.gold.verdict(code, self.places[code], anywhere=True).supported
            for code, verdict in self.verdicts.items()
        }

    @property
    def mentions(self) -> int:
        """Predicted mentions."""
        return sum(len(code.mentions) for code in self.prediction.codes)

    @property
    def located(self) -> int:
        """Predicted mentions that are located."""
        return sum(bool(mention.fragments) for code in self.prediction.codes for mention in code.mentions)


def judged(documents: Iterable[Document], predictions: Iterable[Prediction]) -> Iterator[Judged]:
    """Every document with its prediction, in the order of the documents."""
    by_id = {prediction.id: prediction for prediction in predictions}
    for document in documents:
        prediction = by_id.get(document.id)
        none = Prediction(id=document.id, codes=[])
        yield Judged(document, GoldDocument.of(document), prediction or none, prediction is not None)
