"""SFT with the loss on the answer only: annotated documents, spans, and what other stages made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..contract import StageSettings
from ..shared.config import Depends
from ..shared.settings import CHECKS_AT_THE_ENDS, EvalSchedule, TrainingSettings

_FROM_DATA = ("documents", "spans")  # shares of what the data source gives
_MAKERS = {"filled": "fill", "answers": "pairs"}  # our kinds that have these outputs
MADE = tuple(_MAKERS)  # shares of an output of the stage before


class SftSettings(TrainingSettings):
    """Supervised fine-tuning with TRL's SFTTrainer."""

    kind: Literal["sft"] = "sft"
    documents: float = Field(
        1.0, title="Share of the training tokens that comes from annotated documents", ge=0, le=10**6
    )
    spans: float = Field(0.0, title="Share of the training tokens that comes from spans", ge=0, le=10**6)
    filled: float = Field(
        0.0,
        title="Share that comes from documents whose evidence the 'fill' stage before filled in",
        ge=0,
        le=10**6,
    )
    answers: float = Field(
        0.0,
        title="Share that comes from the best sampled answers of the 'pairs' stage before",
        ge=0,
        le=10**6,
    )
    tokens: int | None = Field(
        None, title="Tokens to train on, prompts and answers together", ge=1, le=10**12
    )
    like: str | None = Field(
        None, title="Instead of 'tokens': the stage whose cost since the same parent is matched", min_length=1
    )
    like_by: Literal["tokens", "seconds"] = Field(
        "tokens", title="Its tokens, generated ones too; or its time, at the speed of the last SFT before"
    )

    check_every: int | None = Field(
        None,
        title="Steps between checks on dev documents, to see where it levels off; absent = none",
        ge=1,
    )
    dev_documents: int = Field(48, title="Dev documents of each check", ge=1)
    max_new_tokens: int = Field(256, title="Most tokens of an answer in the checks", ge=1)

    work: ClassVar[str] = "scl_rl.stages.sft.work:train_sft"
    cost: ClassVar[str | None] = "scl_rl.stages.sft.cost:sft_cost"
    checks: ClassVar[str | None] = "scl_rl.stages.sft.checks:sft_checks"
    starts_from: ClassVar[tuple[str, ...]] = (
        "model",
        "filled",
        "answers",
    )
    needs_parent: ClassVar[bool] = False
    trainer_config: ClassVar[str | None] = "sft"
    managed_fields: ClassVar[Mapping[str, str]] = {
        "output_dir": "the run folder",
        "seed": "the recipe's 'seed'",
        "num_train_epochs": "the stage's 'tokens'",
        "max_steps": "the stage's 'tokens'",
        "max_length": "the recipe's 'window'",
    }
    trainer_defaults: ClassVar[Mapping[str, Any]] = {
        "learning_rate": Depends("peft", 1e-3, 5e-5),
        "per_device_train_batch_size": 8,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,
        "train_sampling_strategy": "sequential",
    }

    @property
    def shares(self) -> dict[str, float]:
        """The sources that are used, each with its share; they need not add up to 1."""
        given = {name: getattr(self, name) for name in (*_FROM_DATA, *MADE)}
        return {name: share for name, share in given.items() if share}

    @model_validator(mode="after")
    def _some_data(self) -> SftSettings:
        if not self.shares:
            raise ValueError(f"{', '.join((*_FROM_DATA, *MADE))} can't all be 0")
        if (self.tokens is None) == (self.like is None):
            raise ValueError("needs 'tokens', or 'like', a stage whose cost to match")
        return self

    def uses(self) -> set[str]:
        """What it trains on."""
        sets = {{"documents": "annotated"}.get(name, name) for name in self.shares if name not in MADE}
        return sets | ({"dev"} if self.check_every else set())

    def beside(self) -> list[str]:
        """The stage whose cost it matches."""
        return [] if self.like is None else [self.like]

    def matches_tokens(self) -> bool:
        """Where it says so."""
        return self.like is not None and self.like_by == "tokens"

    def misfit(self, parents: Sequence[StageSettings]) -> str:
        """What it takes from a stage that makes no such thing, or leaves of one that does."""
        for name in MADE:
            makes = [name in parent.outputs for parent in parents]
            if name in self.shares and not (makes and all(makes)):
                return f"'{name}' is what a stage of kind {_MAKERS[name]} makes: name one after 'from'"
            if name not in self.shares and any(makes):
                kind = _MAKERS[name]
                return f"starts from a stage of kind {kind}, whose {name} are left out: give '{name}' a share"
        return ""

    def trainer_values(self) -> dict[str, Any]:
        """Once over the examples, none of them cut."""
        return {"num_train_epochs": 1, "max_length": None}

    def eval_schedule(self) -> EvalSchedule | None:
        """As the settings say; None without ``check_every``."""
        if self.check_every is None:
            return None
        return EvalSchedule(self.check_every, self.dev_documents, self.max_new_tokens)

    def answer_limit(self) -> int | None:
        """Of the answers in the checks, if there are any."""
        return None if self.check_every is None else self.max_new_tokens

    def rehearsed(self, tokens: int) -> Self:
        """On documents and spans: what other stages make, a random model makes badly or not at all."""
        documents = self.documents + self.filled + self.answers
        made = {"documents": documents, "filled": 0.0, "answers": 0.0}
        checks = {} if self.check_every is None else CHECKS_AT_THE_ENDS
        return self.model_copy(update={**made, "tokens": tokens, "like": None, **checks})
