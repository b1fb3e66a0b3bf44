"""Preference pairs from a model's own answers, and from gold with one thing wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..shared.rewards import RewardSettings, RewardsMixin
from ..shared.settings import PromptsMixin
from .corrupt import Corruption
from .error_kinds import ErrorKind


class PairsSettings(PromptsMixin, RewardsMixin):
    """Samples answers, scores them and keeps pairs; leaves the best answers for rejection-sampling SFT."""

    kind: Literal["pairs"] = "pairs"
    max_spans: int = Field(0, title="Maximum spans, sampled; each is used as a note", ge=0)
    samples: int = Field(
        4, title="Answers sampled for each prompt; 0 = only corrupted gold", ge=0, le=1_000_000
    )
    temperature: float = Field(1.0, title="Sampling temperature", gt=0)
    top_p: float = Field(1.0, title="Nucleus sampling: probability mass to sample from", gt=0, le=1)
    max_new_tokens: int = Field(256, title="Maximum tokens per answer", ge=1)
    batch_size: int = Field(32, title="Answers generated together", ge=1, le=1_000_000)
    chosen: Literal["best", "gold"] = Field(
        "best",
        title="What a sampled answer is compared with: the best one, or gold or filled-in evidence where "
        "there is some",
    )
    min_margin: float = Field(0.1, title="Minimum difference of the scores of chosen and rejected", gt=0)
    pairs_per_prompt: int = Field(2, title="Maximum pairs of sampled answers per prompt", ge=1)
    negatives: tuple[Corruption, ...] = Field(
        (), title="How gold answers are corrupted: elsewhere, negated, sibling, dropped, spurious"
    )
    errors: tuple[ErrorKind, ...] | None = Field(
        None, title="Keep only pairs that teach one of these kinds of error; absent = all", min_length=1
    )
    balance_codes: bool = Field(True, title="Drop pairs of codes that occur too often")
    balance_length: bool = Field(True, title="Drop pairs that would teach a preference for length")
    balance_coverage: bool = Field(
        False, title="Drop pairs that would teach a preference for more or fewer codes"
    )
    min_score: float = Field(0.0, title="Score that a best answer must exceed to be kept for SFT")

    own_process: ClassVar[bool] = True
    work: ClassVar[str] = "scl_rl.stages.pairs.work:make_pairs"
    cost: ClassVar[str | None] = "scl_rl.stages.pairs.cost:pairs_cost"
    outputs: ClassVar[Mapping[str, str]] = {
        "pairs": "pairs.jsonl",
        "answers": "best.jsonl",
        "samples": "samples.jsonl",
        "report": "report.json",
    }
    optional_outputs: ClassVar[tuple[str, ...]] = ("samples",)
    renamed: ClassVar[Mapping[str, str]] = {
        "documents": "max_documents",
        "spans": "max_spans",
        "code_only": "max_code_only",
        "margin": "min_margin",
        "least_score": "min_score",
    }

    @model_validator(mode="after")
    def _something_to_do(self) -> PairsSettings:
        if self.max_documents == 0 and not (self.max_spans or self.max_code_only or self.max_filled):
            raise ValueError("max_documents, max_spans, max_code_only and max_filled can't all be 0")
        if not self.samples and not self.negatives:
            raise ValueError("nothing to make pairs of: give 'samples' or 'negatives'")
        return self

    def answer_limit(self) -> int | None:
        """Of every answer."""
        return self.max_new_tokens

    def uses(self) -> set[str]:
        """What it takes prompts from."""
        return self.prompt_sets() | ({"spans"} if self.max_spans else set())

    def dry_run_settings(self, tokens: int) -> Self:
        """With pairs of gold for what follows: the answers of a random model are all as bad."""
        return self.model_copy(
            update={
                **self.without_filled(),
                "max_documents": self.max_documents or None,
                "chosen": "gold",
                "negatives": tuple(dict.fromkeys((*self.negatives, "dropped"))),
                "rewards": [*self.rewards, RewardSettings(name="evidence")],
                "errors": None,
                "balance_codes": False,
                "balance_length": False,
                "balance_coverage": False,
            }
        )
