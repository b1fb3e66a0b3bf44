"""The baseline that a model has to beat: what annotators marked, looked up in the note."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..corpus.jsonl import read_documents, read_spans, write_jsonl
from ..corpus.spans import spans_of
from ..corpus.types import Document, PredictedCode, PredictedMention, Prediction
from ..scoring.dictionary import SpanDictionary
from .base import StageContext, StageSettings


class DictionarySettings(StageSettings):
    """Predictions without a model: the wordings of spans and annotated documents, longest match first."""

    kind: Literal["dictionary"] = "dictionary"
    on: Literal["test", "dev", "annotated"] = Field("test", title="Which documents")

    needs_parent: ClassVar[bool] = False

    def uses(self) -> set[str]:
        """The documents that it is about; spans and annotated documents it takes as they come."""
        return {self.on}

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write ``predictions.jsonl``, every place of a wording a mention, and report the counts."""
        dictionary = dictionary_of(context.data.annotated, context.data.spans)
        documents = read_documents(context.needed(self.on))
        predictions = [prediction_of(dictionary.annotate(document)) for document in documents]
        write_jsonl(context.folder / "predictions.jsonl", predictions)
        return {"documents": len(documents), "wordings": len(dictionary)}


def dictionary_of(annotated: Path | None, spans: Path | None) -> SpanDictionary:
    """The dictionary of everything that was marked: spans, and the mentions of annotated documents."""
    marked = read_spans(spans) if spans else []
    marked += spans_of(read_documents(annotated), "annotated") if annotated else []
    return SpanDictionary(marked)


def prediction_of(found: Document) -> Prediction:
    """A document's annotations as a prediction."""
    codes = [
        PredictedCode(
            code=annotation.code,
            mentions=[
                PredictedMention(quotes=[found.text[s:e] for s, e in mention], fragments=mention)
                for mention in annotation.mentions or ()
            ],
        )
        for annotation in found.annotations or ()
    ]
    return Prediction(id=found.id, codes=codes)
