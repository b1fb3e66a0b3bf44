"""Preference pairs from a model's own answers, and from gold with one thing wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..shared.rewards import Rewarded, RewardSettings, given_sets
from .corrupt import Corruption
from .error_kinds import ErrorKind


class PairsSettings(Rewarded):
    """Samples answers, scores them and keeps pairs; leaves the best answers for rejection-sampling SFT."""

    kind: Literal["pairs"] = "pairs"
    documents: int | None = Field(
        None, title="Most annotated documents (or windows), sampled; absent = all, 0 = none", ge=0
    )
    spans: int = Field(0, title="Most spans, sampled, each a note of its own", ge=0)
    code_only: int = Field(0, title="Most code-only documents, sampled", ge=0)
    samples: int = Field(4, title="Answers sampled for each prompt; 0 = corrupted gold alone", ge=0)
    temperature: float = Field(1.0, title="Of the sampling", gt=0)
    top_p: float = Field(1.0, title="Share of the likeliest tokens that are sampled from", gt=0, le=1)
    max_new_tokens: int = Field(256, title="Most tokens of an answer", ge=1)
    batch_size: int = Field(32, title="Answers generated together", ge=1)
    chosen: Literal["best", "gold"] = Field("best", title="What a sampled answer is compared with")
    margin: float = Field(0.1, title="How much better the chosen answer must score", gt=0)
    pairs_per_prompt: int = Field(2, title="Most pairs of sampled answers for a prompt", ge=1)
    negatives: tuple[Corruption, ...] = Field(
        (), title="What to make wrong in gold answers: elsewhere, negated, sibling, dropped, denied"
    )
    errors: tuple[ErrorKind, ...] | None = Field(
        None, title="Keep only pairs that teach one of these kinds of error; absent = all", min_length=1
    )
    balance_codes: bool = Field(True, title="Leave out pairs about codes that have more than their share")
    balance_length: bool = Field(True, title="Leave out pairs from which a model would learn length")
    least_score: float = Field(0.0, title="What a best answer must score above for SFT to learn it")

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
    starts_from: ClassVar[tuple[str, ...]] = ("model",)

    @model_validator(mode="after")
    def _something_to_do(self) -> PairsSettings:
        if self.documents == 0 and not self.spans and not self.code_only:
            raise ValueError("documents, spans and code_only can't all be 0")
        if not self.samples and not self.negatives:
            raise ValueError("nothing to make pairs of: give 'samples' or 'negatives'")
        return self

    def answer_limit(self) -> int | None:
        """Of every answer."""
        return self.max_new_tokens

    def uses(self) -> set[str]:
        """What it takes prompts from."""
        return given_sets(self.documents, self.code_only) | ({"spans"} if self.spans else set())

    def rehearsed(self, tokens: int) -> Self:
        """With pairs of gold for what follows: the answers of a random model are all as bad."""
        return self.model_copy(
            update={
                "documents": self.documents or None,
                "chosen": "gold",
                "negatives": tuple(dict.fromkeys((*self.negatives, "dropped"))),
                "rewards": [*self.rewards, RewardSettings(name="evidence")],
                "errors": None,
                "balance_codes": False,
                "balance_length": False,
            }
        )
