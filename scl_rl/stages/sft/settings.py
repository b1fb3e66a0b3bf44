"""SFT with the loss on the answer only: annotated documents, spans, and what other stages made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..contract import StageSettings
from ..shared.config import Depends
from ..shared.settings import CHECKS_AT_THE_ENDS, EvalSchedule, TrainingSettings

_MAKERS = {
    "filled": "fill",
    "answers": "pairs",
    "synthesized": "synthesize",
}  # our kinds that have these outputs
_SETS = {"documents": "annotated", "cite": "annotated"}
_MAX_SHARE = 10**6
MADE = tuple(_MAKERS)  # shares of an output of the stage before


class MixtureSettings(BaseModel):
    """Shares of an SFT stage's training tokens; they need not add up to 1."""

    model_config = ConfigDict(extra="forbid")

    documents: float = Field(0.0, title="Annotated documents", ge=0, le=_MAX_SHARE)
    spans: float = Field(0.0, title="Spans", ge=0, le=_MAX_SHARE)
    cite: float = Field(
        0.0,
        title="Annotated documents with their codes given, whose evidence is to be found; see 'scl-rl cite'",
        ge=0,
        le=_MAX_SHARE,
    )
    filled: float = Field(
        0.0, title="Documents whose evidence the parent 'fill' stage filled in", ge=0, le=_MAX_SHARE
    )
    answers: float = Field(0.0, title="Best sampled answers of the parent 'pairs' stage", ge=0, le=_MAX_SHARE)
    synthesized: float = Field(
        0.0, title="Spans that the parent 'synthesize' stage made", ge=0, le=_MAX_SHARE
    )


class SpanSamplingSettings(BaseModel):
    """How often each span is trained on, of 'spans' and of 'synthesized' alike."""

    model_config = ConfigDict(extra="forbid")

    weights: dict[str, Annotated[float, Field(ge=0, le=_MAX_SHARE)]] = Field(
        default_factory=dict,
        title="Weight by a span's source, rule, style or teacher; several multiply, 0 excludes",
    )
    temperature: float = Field(
        1.0,
        title="Above 1, rare codes are trained on more often: code shares are in proportion to "
        "count^(1/temperature)",
        ge=1,
        allow_inf_nan=False,
    )


class SftSettings(TrainingSettings):
    """Supervised fine-tuning with TRL's SFTTrainer."""

    kind: Literal["sft"] = "sft"
    mixture: MixtureSettings = Field(
        default_factory=lambda: MixtureSettings(documents=1.0),
        title="Shares of the training tokens, by source",
    )
    span_sampling: SpanSamplingSettings = Field(
        default_factory=SpanSamplingSettings, title="How often each span is trained on"
    )
    tokens: int | None = Field(
        None, title="Tokens to train on, prompts and answers together", ge=1, le=10**12
    )
    match_compute_of: str | None = Field(
        None,
        title="Instead of 'tokens': the stage whose compute since the common parent is matched",
        min_length=1,
    )
    match_by: Literal["tokens", "seconds"] = Field(
        "tokens", title="Match its tokens, including generated ones, or its wall time"
    )

    eval_steps: int | None = Field(
        None,
        title="Optimizer steps between evaluations on dev documents; absent = none",
        ge=1,
    )
    eval_documents: int = Field(48, title="Dev documents per evaluation", ge=1)
    max_new_tokens: int = Field(256, title="Maximum tokens per answer in evaluations", ge=1)

    work: ClassVar[str] = "scl_rl.stages.sft.work:train_sft"
    cost: ClassVar[str | None] = "scl_rl.stages.sft.cost:sft_cost"
    checks: ClassVar[str | None] = "scl_rl.stages.sft.checks:sft_checks"
    starts_from: ClassVar[tuple[str, ...]] = ("model", "filled", "answers", "synthesized")
    renamed: ClassVar[Mapping[str, str]] = {
        "documents": "mixture.documents",
        "spans": "mixture.spans",
        "filled": "mixture.filled",
        "answers": "mixture.answers",
        "like": "match_compute_of",
        "like_by": "match_by",
        "check_every": "eval_steps",
        "dev_documents": "eval_documents",
    }
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
        "completion_only_loss": True,  # TRL's own default is so for text that it tokenises itself
    }

    @property
    def shares(self) -> dict[str, float]:
        """The sources that are used, each with its share; they need not add up to 1."""
        return {name: share for name, share in self.mixture.model_dump().items() if share}

    @model_validator(mode="after")
    def _some_data(self) -> SftSettings:
        if not self.shares:
            raise ValueError(f"mixture: {', '.join(MixtureSettings.model_fields)} can't all be 0")
        if (self.tokens is None) == (self.match_compute_of is None):
            raise ValueError("needs 'tokens' or 'match_compute_of'")
        return self

    def uses(self) -> set[str]:
        """What it trains on."""
        sets = {_SETS.get(name, name) for name in self.shares if name not in MADE}
        return sets | ({"dev"} if self.eval_steps else set())

    def also_needs(self) -> list[str]:
        """The stage whose cost it matches."""
        return [] if self.match_compute_of is None else [self.match_compute_of]

    def matches_tokens(self) -> bool:
        """Where it says so."""
        return self.match_compute_of is not None and self.match_by == "tokens"

    def incompatible_with(self, parents: Sequence[StageSettings]) -> str:
        """What it takes from a stage that makes no such thing, or leaves of one that does."""
        for name in MADE:
            makes, kind = [name in parent.outputs for parent in parents], _MAKERS[name]
            if name in self.shares and not (makes and all(makes)):
                return f"'mixture.{name}' is what a stage of kind {kind} makes: name one after 'from'"
            if name not in self.shares and any(makes):
                what = f"starts from a stage of kind {kind}, whose {name} are left out"
                return f"{what}: give 'mixture.{name}' a share"
        return ""

    def trainer_values(self) -> dict[str, Any]:
        """Once over the examples, none of them cut."""
        return {"num_train_epochs": 1, "max_length": None}

    def eval_schedule(self) -> EvalSchedule | None:
        """As the settings say; None without ``eval_steps``."""
        if self.eval_steps is None:
            return None
        return EvalSchedule(self.eval_steps, self.eval_documents, self.max_new_tokens)

    def answer_limit(self) -> int | None:
        """Of the answers in the checks, if there are any."""
        return None if self.eval_steps is None else self.max_new_tokens

    def dry_run_settings(self, tokens: int) -> Self:
        """On documents and spans: what other stages make, a random model makes badly or not at all."""
        mixture = self.mixture
        documents = mixture.documents + mixture.filled + mixture.answers
        own = mixture.model_copy(update={"documents": documents, "filled": 0.0, "answers": 0.0})
        checks = {} if self.eval_steps is None else CHECKS_AT_THE_ENDS
        return self.model_copy(update={"mixture": own, "tokens": tokens, "match_compute_of": None, **checks})
