"""The work of a synthesize stage."""

from __future__ import annotations

from typing import Any

from ...corpus.jsonl import read_documents, read_spans, write_jsonl
from ...corpus.spans import spans_of
from ...errors import UserError
from ...modeling.span_model import SpanModel
from ...synthesis.make import synthesize
from ..contract import StageContext
from .settings import SynthesizeSettings


def make_spans(settings: SynthesizeSettings, context: StageContext) -> dict[str, Any]:
    """Run a synthesize stage; see :class:`SynthesizeSettings`. It reports how many spans came from where."""
    data = context.data
    annotated = read_documents(data.annotated) if data.annotated else []
    code_only = read_documents(data.code_only) if data.code_only else []
    spans = read_spans(data.spans) if data.spans else []
    implied = None
    if settings.filters.implied:
        assert context.model_before is not None  # the stage starts from one that trained
        implied = SpanModel(context.model_before, spans, context.base).implies
    marked = [*spans, *spans_of(annotated, "annotated")]
    synthesis = synthesize(
        settings, marked, [*annotated, *code_only], context.seed, implied, context.base, context.reporter
    )
    if synthesis.teaching and synthesis.teaching.failed:
        context.say(f"{context.name}: {synthesis.teaching.failed:,} questions got no usable answer")
    if not synthesis.spans:
        raise UserError(f"stage '{context.name}': no spans were made for the codes of the data")
    write_jsonl(context.folder / settings.outputs["synthesized"], synthesis.spans)
    return synthesis.report()
