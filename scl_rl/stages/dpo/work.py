"""The work of a DPO stage: train on the pairs before it, watch both likelihoods, keep what is best on dev."""

from __future__ import annotations

import json
import math
from statistics import fmean
from typing import Any

from ...answer.prompt import completion_text
from ...corpus.jsonl import read_records, whole_lines
from ...errors import UserError
from ...modeling import ranks
from ...modeling.generate import encode_prompt
from ..contract import StageContext
from ..grpo.observer import forget_after
from ..grpo.step_log import MONITOR
from ..pairs.pair import Pair
from ..shared.checkpoints import train
from ..shared.dev_eval import DevChecks
from ..shared.progress import Progress, Speed
from ..shared.prompting import Prompting
from ..shared.trainer import quiet_libraries, start_model, trainer_fields, without_printing
from .cpu_loss import answer_positions_alone
from .settings import DpoSettings

_FELL = 0.5  # nats that a mean log-likelihood may fall before it is worth a warning


def train_dpo(settings: DpoSettings, context: StageContext) -> dict[str, Any]:
    """Run a DPO stage; see :class:`~.dpo.DpoSettings`."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    class PairTrainer(DPOTrainer):  # type: ignore[misc]
        """A DPOTrainer that takes token ids: prompt and answer are encoded as in SFT and generation."""

        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset

    quiet_libraries()
    loaded = start_model(context, settings)
    prompting = Prompting.of(context, loaded.tokenizer)
    rows = _rows(context, prompting)
    config = DPOConfig(**trainer_fields(settings, context))
    a_step = config.per_device_train_batch_size * config.gradient_accumulation_steps * ranks.count()
    steps = math.ceil(math.ceil(len(rows) / a_step) * settings.epochs)
    log = LikelihoodLog(context, steps, config.beta)
    checks = DevChecks(settings, steps, context, loaded, prompting, settings.max_new_tokens, log.checked)
    trainer = without_printing(
        PairTrainer(
            model=loaded.model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=loaded.tokenizer,
            callbacks=[log.callback(), checks.callback()],
        )
    )
    loaded.model = trainer.model
    with answer_positions_alone():
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
    """The pairs as token ids."""
    pairs = read_records(context.parent.output("pairs"), Pair, lambda pair: (), "pairs", may_be_empty=True)
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


class LikelihoodLog:
    """What DPO does to the likelihood of chosen and rejected answers, step by step, in ``monitor.jsonl``.

    ``chosen_change`` and ``rejected_change`` are mean log-likelihoods (nats an answer) against the reference.
    """

    def __init__(self, context: StageContext, steps: int, beta: float) -> None:
        self._context = context
        self._steps = steps
        self._beta = beta
        self._file = context.folder / MONITOR
        self._speed, self._progress = Speed(), Progress(context.name, context.progress)
        self._dev = ""
        self.tokens = 0
        self._before = 0  # tokens of the steps before the one that training goes on from; TRL counts anew

    def resume(self, step: int) -> None:
        """Forget what came after a step, from which training goes on."""
        kept = forget_after(self._file, step)
        self._speed = Speed()
        self._progress = Progress(self._context.name, self._context.progress, step)
        self._before = max((line["tokens"] for line in kept if "tokens" in line), default=0)

    def checked(self, step: int, joint_f1: float) -> None:
        """Write a dev check down."""
        self._dev = f", dev joint F1 {joint_f1:.3f}"
        self._write({"step": step, "dev_joint_f1": joint_f1})

    def logged(self, step: int, logs: dict[str, Any]) -> None:
        """Take in what TRL logs after a step."""
        if "logps/chosen" not in logs:
            return
        self.tokens = self._before + int(logs["num_tokens"])
        figures = {
            "step": step,
            "loss": logs["loss"],
            "chosen_logps": logs["logps/chosen"],
            "rejected_logps": logs["logps/rejected"],
            "chosen_change": logs["rewards/chosen"] / self._beta,
            "rejected_change": logs["rewards/rejected"] / self._beta,
            "accuracy": logs["rewards/accuracies"],
            "tokens": self.tokens,
        }
        self._write(figures)
        self._progress.count(
            step,
            self._steps,
            f", loss {figures['loss']:.3f}, likelihood of chosen {figures['chosen_change']:+.2f} and "
            f"rejected {figures['rejected_change']:+.2f} nats, {figures['accuracy']:.0%} of pairs in order"
            f"{self._dev}{self._speed.logged(logs)}",
        )

    def figures(self) -> dict[str, Any]:
        """Means over the first and the last fifth of the steps, and what there is to warn of."""
        steps = [line for line in whole_lines(self._file) if "loss" in line]
        part = max(1, len(steps) // 5)

        def means(lines: list[dict[str, Any]]) -> dict[str, float]:
            names = ("loss", "chosen_logps", "rejected_logps", "chosen_change", "rejected_change", "accuracy")
            return {name: fmean(line[name] for line in lines) for name in names}

        first, last = means(steps[:part]), means(steps[-part:])
        warnings = []
        if last["chosen_change"] < -_FELL:
            warnings.append(
                f"the chosen answers became less likely too (by {-last['chosen_change']:.1f} nats, the "
                f"rejected ones by {-last['rejected_change']:.1f}): raise 'anchor' or lower the learning rate"
            )
        for warning in warnings:
            self._context.say(f"{self._context.name}: warning: {warning}")
        return {"first_steps": first, "last_steps": last, "warnings": warnings}

    def callback(self) -> Any:
        """This log as a TrainerCallback."""
        from transformers import TrainerCallback

        log = self

        class _Log(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                log.resume(state.global_step)

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
                log.logged(state.global_step, logs or {})

        return _Log()

    def _write(self, figures: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(figures) + "\n")
