"""The table that sets candidates side by side, and what it says in words."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from .base import TRAINED_KINDS, StageContext, StageResult, StageSettings


class CompareSettings(StageSettings):
    """One row a candidate: its figures, the tokens it was trained on and the minutes that took."""

    kind: Literal["compare"] = "compare"

    gathers: ClassVar[bool] = True
    parent_kinds: ClassVar[tuple[str, ...]] = ("evaluate",)

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write ``comparison.json`` and report it."""
        from ..metrics.compare import comparison

        figures = comparison([_candidate(result) for result in context.parents])
        path = context.folder / "comparison.json"
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        return figures


def _candidate(evaluation: StageResult) -> dict[str, Any]:
    """An evaluation with the cost of the model behind it, all the stages it descends from included."""
    trained = [stage for stage in evaluation.lineage() if stage.kind in TRAINED_KINDS]
    return {
        "name": trained[-1].name,
        "parent": trained[-2].name if len(trained) > 1 else None,
        "kind": trained[-1].kind,
        "tokens": sum(int(stage.figures.get("tokens", 0)) for stage in trained),
        "minutes": sum(stage.minutes for stage in trained),
        "figures": evaluation.figures,
    }
