"""SFT's loss where there is no GPU: only the answer's positions go through the language-model head."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer


class AnswerLossTrainer(SFTTrainer):  # type: ignore[misc]
    """An SFTTrainer with the same loss, computed at the positions that have a label and nowhere else.

    TRL's own forward does so on GPUs; without Triton it scores every position, in float32, which on a CPU
    takes longer than the rest of the step. Only ``loss`` is logged, without TRL's entropy and accuracy.
    """

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean cross-entropy of the labelled tokens."""
        import torch

        whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        with self.accelerator.autocast():
            hidden = whole.base_model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
            ).last_hidden_state
            following = inputs["labels"][:, 1:]
            labelled = following != -100
            logits = whole.get_output_embeddings()(hidden[:, :-1][labelled])
        total = torch.nn.functional.cross_entropy(logits.float(), following[labelled], reduction="sum")
        loss = total / (labelled.sum() if num_items_in_batch is None else num_items_in_batch)
        return (loss, None) if return_outputs else loss
