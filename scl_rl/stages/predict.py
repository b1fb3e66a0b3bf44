"""Predictions of a trained model for a set of documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import TRAINED_KINDS, StageContext, StageSettings


class PredictSettings(StageSettings):
    """Greedy predictions, windows merged back to documents."""

    kind: Literal["predict"] = "predict"
    on: Literal["test", "dev", "annotated"] = Field("test", title="Which documents")
    max_new_tokens: int = Field(256, title="Most tokens of an answer", ge=1)
    batch_size: int = Field(16, title="Prompts generated together", ge=1)

    own_process: ClassVar[bool] = True
    parent_kinds: ClassVar[tuple[str, ...]] = TRAINED_KINDS

    def uses(self) -> set[str]:
        """The documents that it is about."""
        return {self.on}

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write ``predictions.jsonl`` and report how many documents, windows and malformed lines."""
        return predict_file(
            context.parents[0].folder / "model",
            context.needed(self.on),
            context.folder / "predictions.jsonl",
            base=context.base,
            max_new_tokens=self.max_new_tokens,
            batch_size=self.batch_size,
            say=context.say,
        )


def predict_file(
    model: Path,
    documents: Path,
    out: Path,
    *,
    base: Path | None = None,
    max_new_tokens: int = 256,
    batch_size: int = 16,
    window: int | None = None,
    say: Any = print,
) -> dict[str, Any]:
    """Predict every document of a file with a model folder that a stage wrote.

    Args:
        window: most note tokens in one window, instead of what the model's card says.

    Returns:
        ``{"documents", "windows", "malformed"}``, counts.
    """
    from ..corpus.jsonl import read_documents, write_jsonl
    from ..modeling.load import load_trained, read_card
    from .progress import Progress
    from .prompting import Prompting, predict_documents

    records = read_documents(documents)
    card = read_card(model)
    loaded = load_trained(model, base or Path.cwd(), say=say)
    prompting = Prompting(card.template, card.chat, card.answer, window or card.window, loaded.tokenizer)
    progress = Progress("predict", say)
    predictions, windows = predict_documents(
        loaded, records, prompting, max_new_tokens, batch_size, progress.count
    )
    write_jsonl(out, predictions)
    return {
        "documents": len(records),
        "windows": windows,
        "malformed": sum(prediction.malformed for prediction in predictions),
    }
