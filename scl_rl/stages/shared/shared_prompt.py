"""GRPO and DPO with each prompt read once for all its answers, in TRL's own trainers.

TRL asks its models for log-probabilities through one door, ``model(..., labels=..., fused_lm_head=True)``:
the policy, the old policy and the reference, of GRPO and of DPO. So that door is all that changes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from ...errors import UserError
from ...modeling import ranks
from ...modeling.rows import can_be_cut
from ...modeling.shared_prompt import SharedRows, answer_cache, prompt_cache
from ...upstream.launch import sharded
from ...upstream.shared_prompt import cached_checkpointing
from ..contract import StageContext

Choice = Literal["auto", "on", "off"]

_WORTH = 0.9  # of the tokens of TRL's own way; above that, two calls cost more than they save
_COMPARED = 4  # rows on which both ways are compared
# Nats per answer token, on average; by whether the numbers have 16 bits. With these a single token was
# off by 0.24 merely because it was computed in another batch, so the largest difference says little.
_TOLERANCE = {False: 1e-4, True: 0.05}
_GRADIENT_TOLERANCE = {False: 1e-2, True: 0.3}  # relative


def share_prompts(trainer: Any, choice: Choice, context: StageContext) -> bool:
    """Let a trainer read each prompt once for all rows of a batch that begin with it.

    Args:
        trainer: a GRPOTrainer or DPOTrainer that has not begun to train.

    Returns:
        Whether it will, as long as both ways agree on the first batch.

    Raises:
        UserError: ``choice`` is "on", and something stands against it.
    """
    if choice == "off":
        return False
    reason = why_not(trainer)
    if reason and choice == "on":
        raise UserError(f"stage '{context.name}': shared_prompt can't be on: {reason}; use auto or off")
    if reason:
        _say(context, f"each answer is trained with a reading of its prompt of its own: {reason}")
        return False
    models = [trainer.model] if trainer.ref_model is None else [trainer.model, trainer.ref_model]
    for model in models:
        bare = trainer.accelerator.unwrap_model(model)
        bare = bare.get_base_model() if hasattr(bare, "get_base_model") else bare
        bare.forward = _forward(bare, choice, context, speaks=model is trainer.model)
    return True


def why_not(trainer: Any) -> str:
    """What stands against reading prompts once; empty if nothing does."""
    model, args = trainer.model, trainer.args
    text = model.config.get_text_config()
    again = (args.gradient_checkpointing_kwargs or {}).get("use_reentrant")
    configs = getattr(model, "peft_config", {}).values()
    reasons = {
        "the model keeps more of a prompt than keys and values": not can_be_cut(model),
        "the model reads more than text": text is not model.config,
        "an adapter of virtual tokens stands before the prompt": any(c.is_prompt_learning for c in configs),
        "the loss of a mixture of experts counts every token that is read": bool(
            getattr(trainer, "aux_loss_enabled", False) or getattr(text, "output_router_logits", False)
        ),
        "each process holds a part of the weights only": bool(
            sharded() or trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled
        ),
        "gradient_checkpointing_kwargs has use_reentrant: true": bool(args.gradient_checkpointing and again),
        "torch_compile is on": bool(args.torch_compile),
        "use_liger_kernel is on": bool(args.use_liger_kernel),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _forward(model: Any, choice: Choice, context: StageContext, speaks: bool) -> Any:
    """The model's forward, which shares prompts where TRL asks for log-probabilities."""
    trls_own = model.forward
    shared = _Shared(model, trls_own, choice, context, speaks)

    @functools.wraps(trls_own)
    def forward(*args: Any, **kwargs: Any) -> Any:
        asked = {name for name, value in kwargs.items() if value is not None and value is not False}
        if args or asked != {"input_ids", "attention_mask", "labels", "fused_lm_head"}:
            return trls_own(*args, **kwargs)
        output = shared(kwargs["input_ids"], kwargs["attention_mask"], kwargs["labels"])
        return trls_own(**kwargs) if output is None else output

    return forward


class _Shared:
    """Log-probabilities of the answers in a batch, from one reading of each prompt."""

    def __init__(
        self, model: Any, trls_own: Any, choice: Choice, context: StageContext, speaks: bool
    ) -> None:
        self._model = model
        self._trls_own = trls_own
        self._always = choice == "on"
        self._context = context
        self._speaks = speaks
        self._compared: set[bool] = set()  # with gradients, without
        self._agree = True
        self._told = False

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> Any:
        """What TRL's own forward returns; None where it is to be asked itself."""
        if not self._agree:
            return None
        rows = SharedRows.of(ids, mask, labels)
        if rows is None or not self._worth(rows):
            return None
        gradients = torch.is_grad_enabled()
        if gradients not in self._compared:
            self._compared.add(gradients)
            self._compare(rows, ids, mask, labels)
        return self._read(rows, ids, labels) if self._agree else None

    def _worth(self, rows: SharedRows) -> bool:
        if len(rows.owners) == len(rows.rows):
            return False
        share = rows.tokens / rows.all_tokens
        if self._always or share < _WORTH:
            return True
        if self._speaks and not self._told:
            self._told = True
            _say(self._context, f"prompts are not shared where {share:.0%} of the tokens would still be read")
        return False

    def _read(self, rows: SharedRows, ids: torch.Tensor, labels: torch.Tensor) -> Any:
        read, prompts = prompt_cache(self._model), rows.prompt_inputs(ids)
        outputs = []
        with cached_checkpointing(self._model):
            self._model.base_model(**prompts, past_key_values=read, use_cache=False)
            for call in rows.calls:
                answers = rows.answer_inputs(call, ids, labels, prompts["attention_mask"])
                written = answer_cache(read, [rows.prompts[row] for row in call])
                outputs.append(self._trls_own(**answers, past_key_values=written, fused_lm_head=True))
        kind = type(outputs[0])
        fields = {
            name: rows.spread([output[name] for output in outputs], ids)
            for name, value in outputs[0].items()
            if value.shape == outputs[0].label_mask.shape
        }
        return kind(loss=-fields["log_probs"].sum() / fields["label_mask"].sum(), **fields)

    def _compare(self, rows: SharedRows, ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> None:
        """Both ways on some answers to one prompt; where they differ, it is TRL's own from now on."""
        largest = max(rows.owners, key=lambda owner: rows.prompts.count(rows.prompts[owner]))
        chosen = [
            row
            for row, prompt in zip(rows.rows, rows.prompts, strict=True)
            if prompt == rows.prompts[largest]
        ]
        ids, mask, labels = (of[chosen[:_COMPARED]] for of in (ids, mask, labels))
        some = SharedRows.of(ids, mask, labels)
        assert some is not None
        with _without_dropout(self._model):
            own, own_gradients = self._answers(
                lambda: self._trls_own(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True)
            )
            try:
                new, new_gradients = self._answers(lambda: self._read(some, ids, labels))
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                self._agree = False
                self._warn(f"the model can't continue a prompt that was read before ({type(error).__name__})")
                return
        answers = int((labels[:, 1:] != -100).sum())
        difference = float((own - new).abs().sum()) / max(answers, 1)
        pairs = zip(own_gradients, new_gradients, strict=True)
        relative = max((float((a - b).norm() / a.norm().clamp(min=1e-12)) for a, b in pairs), default=0.0)
        few_bits = torch.is_autocast_enabled(ids.device.type) or next(self._model.parameters()).itemsize < 4
        self._agree = difference <= _TOLERANCE[few_bits] and relative <= _GRADIENT_TOLERANCE[few_bits]
        found = (
            f"log-probabilities differ by {difference:.1e} on average, gradients by {relative:.1e} (relative)"
        )
        if not self._agree:
            self._warn(f"{found} from TRL's own way")
        elif self._speaks and own_gradients:
            _say(
                self._context, f"each prompt is read once for all its answers; against TRL's own way, {found}"
            )

    def _answers(self, forward: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Log-probabilities, and their gradients at the first weights that are trained, far from the loss."""
        logps = forward().log_probs
        trained = [weights for weights in self._model.parameters() if weights.requires_grad][:2]
        if not (torch.is_grad_enabled() and trained):
            return logps, []
        return logps.detach(), list(torch.autograd.grad(logps.sum(), trained))

    def _warn(self, words: str) -> None:
        _say(self._context, f"warning: prompts are not shared: {words}")


@contextmanager
def _without_dropout(model: Any) -> Iterator[None]:
    """Nothing is dropped, and layers that are run a second time for their gradients still are."""
    active = [m for m in model.modules() if m.training and not hasattr(m, "gradient_checkpointing")]
    for module in active:
        module.training = False
    try:
        yield
    finally:
        for module in active:
            module.training = True


def _say(context: StageContext, words: str) -> None:
    if ranks.is_main_process():
        context.say(f"{context.name}: {words}")
