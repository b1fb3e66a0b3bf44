"""Figures of a predictions file against its gold documents."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import StageContext, StageSettings


class EvaluateSettings(StageSettings):
    """What ``scl-rl evaluate`` reports, as a stage."""

    kind: Literal["evaluate"] = "evaluate"
    on: Literal["test", "dev", "annotated"] = Field(
        "test", title="Which documents; the same as was predicted"
    )

    parent_kinds: ClassVar[tuple[str, ...]] = ("predict", "dictionary")

    def uses(self) -> set[str]:
        """The documents that it is about."""
        return {self.on}

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write ``evaluation.json`` and report it."""
        from ..metrics.report import evaluate_files

        documents = context.needed(self.on)
        figures = evaluate_files(context.parents[0].folder / "predictions.jsonl", documents)
        path = context.folder / "evaluation.json"
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        return figures
