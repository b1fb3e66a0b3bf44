"""The work of an SFT stage: compose the training set to its token budget, train, save."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from ..corpus.jsonl import read_documents, read_spans
from ..corpus.types import Document
from ..modeling.generate import encode_prompt
from .base import StageContext
from .progress import trainer_progress
from .prompting import Prompting, annotated_windows, span_document
from .sft import SftSettings
from .trainers import (
    drop_checkpoints,
    last_checkpoint,
    model_card,
    quiet_libraries,
    start_model,
    trainer_defaults,
    without_printing,
)

Example = dict[str, list[int]]
_STRETCH = 50  # batches, among whose examples those of like length are sought


def train_sft(settings: SftSettings, context: StageContext) -> dict[str, Any]:
    """Run an SFT stage; see :class:`SftSettings`."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from ..modeling.load import save_trained
    from .answer_loss import AnswerLossTrainer

    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    sources = {
        "documents": (settings.documents, _documents(settings, context, prompting)),
        "spans": (settings.spans, _spans(settings, context)),
    }
    examples: list[Example] = []
    counts: dict[str, int] = {}
    for name, (share, records) in sources.items():
        budget = int(settings.tokens * share / (settings.documents + settings.spans))
        if budget:
            chosen = list(_until(budget, records, prompting, random.Random(f"{context.seed}-{name}")))
            counts[name] = sum(len(example["input_ids"]) for example in chosen)
            examples += chosen
    config = SFTConfig(
        **{
            **trainer_defaults(context),
            "learning_rate": 1e-3 if settings.peft else 5e-5,
            "per_device_train_batch_size": 8,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 0.05,
            "train_sampling_strategy": "sequential",
            **settings.trainer,
            "num_train_epochs": 1,
            "max_length": None,
        }
    )
    trainer = without_printing(
        (AnswerLossTrainer if config.use_cpu else SFTTrainer)(
            model=loaded.model,
            args=config,
            train_dataset=Dataset.from_list(
                in_batches(
                    examples, config.per_device_train_batch_size, random.Random(f"{context.seed}-order")
                )
            ),
            processing_class=loaded.tokenizer,
            callbacks=[trainer_progress(context.name, context.say, {"loss": "loss"})],
        )
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(context))
    loaded.model = trainer.model
    save_trained(loaded, context.folder / "model", model_card(context))
    drop_checkpoints(context)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "tokens": sum(counts.values()),
        "tokens_by_source": counts,
        "examples": len(examples),
        "steps": trainer.state.global_step,
        "loss": losses[-1] if losses else None,
    }


def _documents(settings: SftSettings, context: StageContext, prompting: Prompting) -> list[Document]:
    if not settings.documents:
        return []
    return annotated_windows(read_documents(context.needed("annotated")), prompting)


def _spans(settings: SftSettings, context: StageContext) -> list[Document]:
    if not settings.spans:
        return []
    return [span_document(span, number) for number, span in enumerate(read_spans(context.needed("spans")))]


def _until(
    budget: int, documents: list[Document], prompting: Prompting, rng: random.Random
) -> Iterator[Example]:
    """Examples from the documents in random order, again and again, until the tokens are spent."""
    encoded = [_example(document, prompting) for document in documents]
    while budget > 0 and encoded:
        rng.shuffle(encoded)
        for example in encoded:
            if budget <= 0:
                return
            budget -= len(example["input_ids"])
            yield example


def in_batches(examples: list[Example], size: int, rng: random.Random) -> list[Example]:
    """The examples in batches of like length, the batches in random order.

    A trainer's own grouping by length puts all the long batches of a stretch before its short ones, so that
    documents and spans take turns for dozens of steps, each forgotten while the other is learned.
    """
    rng.shuffle(examples)
    stretch = size * _STRETCH
    batches = []
    for start in range(0, len(examples), stretch):
        ordered = sorted(examples[start : start + stretch], key=lambda example: -len(example["input_ids"]))
        batches += [ordered[i : i + size] for i in range(0, len(ordered), size)]
    whole = [batch for batch in batches if len(batch) == size]
    short = [batch for batch in batches if len(batch) < size]  # at the end, or it would shift the others
    rng.shuffle(whole)
    return [example for batch in (*whole, *short) for example in batch]


def _example(document: Document, prompting: Prompting) -> Example:
    prompt = encode_prompt(prompting.tokenizer, prompting.prompt(document.text))
    gold = prompting.gold(document.text, document.annotations or ())
    answer = prompting.tokenizer(gold, add_special_tokens=False)["input_ids"]
    answer = [*answer, prompting.tokenizer.eos_token_id]
    return {"input_ids": prompt + answer, "completion_mask": [0] * len(prompt) + [1] * len(answer)}
