"""The work of a dictionary stage."""

from __future__ import annotations

from typing import Any

from ...corpus.jsonl import read_documents, read_spans, write_jsonl
from ...corpus.spans import spans_of
from ...corpus.types import Document
from ...mining import EvidenceMiner
from ...scoring.dictionary import SpanDictionary, prediction_of
from ..contract import StageContext
from .settings import DictionarySettings


def look_up(settings: DictionarySettings, context: StageContext) -> dict[str, Any]:
    """Write ``predictions.jsonl``, every place of a wording a mention, and report the counts."""
    data = context.data
    annotated = read_documents(data.annotated) if data.annotated else []
    marked = []
    if "dictionary" in settings.how:
        marked += [*(read_spans(data.spans) if data.spans else []), *spans_of(annotated, "annotated")]
    miner = None
    if "corpus" in settings.how:
        code_only = read_documents(context.needed("code_only"))
        miner = EvidenceMiner.fit([*annotated, *code_only], settings.mining)
        marked += spans_of(map(miner.annotate, code_only), "corpus")
    dictionary = SpanDictionary(marked)
    documents = read_documents(context.needed(settings.split))
    found: list[Document] = [dictionary.annotate(document) for document in documents]
    if miner is not None:
        found = [miner.affirmed(document) for document in found]
    write_jsonl(context.folder / settings.outputs["predictions"], map(prediction_of, found))
    return {"documents": len(documents), "wordings": len(dictionary)}
