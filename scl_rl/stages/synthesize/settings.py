"""Spans made without notes, for SFT to train on beside those of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from ...synthesis.settings import SynthesisSettings
from ..contract import StageSettings


class SynthesizeSettings(SynthesisSettings, StageSettings):
    """Makes spans that SFT can train on.

    `tabular` takes the terms of the ICD tabular list, cleans and varies them. `mined` takes the words that
    documents with a code have in common and others have not. `teacher` asks a model, at an endpoint or here.
    """

    kind: Literal["synthesize"] = "synthesize"

    own_process: ClassVar[bool] = True
    work: ClassVar[str] = "scl_rl.stages.synthesize.work:make_spans"
    cost: ClassVar[str | None] = "scl_rl.stages.synthesize.cost:synthesize_cost"
    outputs: ClassVar[Mapping[str, str]] = {"synthesized": "spans.jsonl"}
    starts_from: ClassVar[tuple[str, ...]] = ("model",)
    needs_parent: ClassVar[bool] = False

    def incompatible_with(self, parents: Sequence[StageSettings]) -> str:
        """A model can only be asked where there is one."""
        if self.filters.implied and not parents:
            return "filters.implied asks a model: name the stage after 'from'"
        return ""

    def uses(self) -> set[str]:
        """What the model's usual answers are known from."""
        return {"spans"} if self.filters.implied else set()

    def dry_run_settings(self, tokens: int) -> Self:
        """A few from the tabular list: a random model finds no words to imply a code."""
        filters = self.filters.model_copy(update={"implied": False})
        return self.model_copy(update={"how": ("tabular",), "filters": filters, "per_code": 2})
