"""The work of an evaluate stage."""

from __future__ import annotations

from typing import Any

from ...atomic import write_json
from ...metrics.report import evaluate_files
from ..contract import StageContext
from .settings import EvaluateSettings


def evaluate(settings: EvaluateSettings, context: StageContext) -> dict[str, Any]:
    """Write ``evaluation.json`` and report it."""
    figures = evaluate_files(context.parent.output("predictions"), context.needed(settings.split))
    write_json(context.folder / settings.outputs["evaluation"], figures)
    return figures
