"""SFT on annotated documents and spans: loss on the answer only, a share of the tokens for each."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from .base import StageContext
from .training import TrainingSettings


class SftSettings(TrainingSettings):
    """Supervised fine-tuning with TRL's SFTTrainer."""

    kind: Literal["sft"] = "sft"
    documents: float = Field(
        1.0, title="Share of the training tokens that comes from annotated documents", ge=0
    )
    spans: float = Field(0.0, title="Share of the training tokens that comes from spans", ge=0)
    tokens: int = Field(title="Tokens to train on, prompts and answers together", ge=1)

    needs_parent: ClassVar[bool] = False
    trainer_config: ClassVar[str | None] = "sft"
    managed_fields: ClassVar[dict[str, str]] = {
        "output_dir": "the run folder",
        "seed": "the recipe's 'seed'",
        "num_train_epochs": "the stage's 'tokens'",
        "max_steps": "the stage's 'tokens'",
        "max_length": "the recipe's 'window'",
    }

    @model_validator(mode="after")
    def _some_data(self) -> SftSettings:
        if self.documents + self.spans <= 0:
            raise ValueError("documents and spans can't both be 0")
        return self

    def uses(self) -> set[str]:
        """What it trains on."""
        shares = {"annotated": self.documents, "spans": self.spans}
        return {name for name, share in shares.items() if share}

    def run(self, context: StageContext) -> dict[str, Any]:
        """Train, save the model into ``model/`` and report tokens, steps and the last loss."""
        from .training_sft import train_sft

        return train_sft(self, context)
