"""The work of a dictionary stage."""

from __future__ import annotations

from typing import Any

from ...corpus.jsonl import read_documents, write_jsonl
from ...scoring.dictionary import dictionary_of, prediction_of
from ..contract import StageContext
from .settings import DictionarySettings


def look_up(settings: DictionarySettings, context: StageContext) -> dict[str, Any]:
    """Write ``predictions.jsonl``, every place of a wording a mention, and report the counts."""
    dictionary = dictionary_of(context.data.annotated, context.data.spans)
    documents = read_documents(context.needed(settings.split))
    predictions = [prediction_of(dictionary.annotate(document)) for document in documents]
    write_jsonl(context.folder / settings.outputs["predictions"], predictions)
    return {"documents": len(documents), "wordings": len(dictionary)}
