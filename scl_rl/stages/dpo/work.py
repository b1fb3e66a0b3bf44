"""The work of a DPO stage: train on the pairs before it, watch both likelihoods, keep what is best on dev."""

from __future__ import annotations

import math
from typing import Any

from datasets import Dataset
from trl import DPOConfig

from ...answer.prompt import completion_text
from ...corpus.jsonl import iter_records
from ...errors import UserError
from ...modeling import ranks
from ...modeling.generate import encode_prompt
from ...upstream.trainers import EncodedDPOTrainer
from ..contract import StageContext
from ..pairs.pair import Pair
from ..shared.checkpoints import train
from ..shared.config import examples_per_step
from ..shared.dev_eval import DevEval
from ..shared.prompting import Prompting
from ..shared.shared_prompt import share_prompts
from ..shared.trainer import quiet_libraries, start_model, trainer_fields, without_printing
from .likelihood_log import LikelihoodLog
from .settings import DpoSettings


def train_dpo(settings: DpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a DPO stage; see :class:`~.dpo.DpoSettings`."""
    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    rows = _rows(context, prompting)
    config = DPOConfig(**trainer_fields(settings, context))
    steps = math.ceil(
        math.ceil(len(rows) / examples_per_step(vars(config), ranks.num_processes()))
        * settings.num_train_epochs
    )
    log = LikelihoodLog(context, steps, config.beta)
    checks = DevEval(settings.eval_schedule(), steps, context, loaded, prompting, log.checked)
    trainer = without_printing(
        EncodedDPOTrainer(
            model=loaded.model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=loaded.tokenizer,
            callbacks=[log, checks],
        )
    )
    loaded.model = trainer.model
    log.times.watch(trainer)
    share_prompts(trainer, settings.shared_prompt, context)
    train(trainer, context)
    return {
        "tokens": log.tokens,
        "pairs": len(rows),
        "steps": trainer.state.global_step,
        "kept_step": checks.best_step,
        "dev_joint_f1": checks.scores,
        **log.figures(),
    }


def _rows(context: StageContext, prompting: Prompting) -> list[dict[str, list[int]]]:
    """The pairs as token ids, prompt and answer encoded as in SFT and generation."""
    made = context.parent.output("pairs")
    pairs = list(iter_records(made, Pair, lambda pair: (), "pairs", may_be_empty=True))
    if not pairs:
        raise UserError(f"stage '{context.name}': stage '{context.parent.name}' made no pairs")
    tokenizer = prompting.tokenizer

    def answer(completion: Any) -> list[int]:
        ids = tokenizer(completion_text(completion), add_special_tokens=False)["input_ids"]
        return [*ids, tokenizer.eos_token_id]

    return [
        {
            "prompt_ids": encode_prompt(tokenizer, pair.prompt),
            "chosen_ids": answer(pair.chosen),
            "rejected_ids": answer(pair.rejected),
        }
        for pair in pairs
    ]
