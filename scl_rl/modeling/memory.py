"""How much memory and disk a model needs to be trained or asked, about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .shape import ModelShape

LIBRARIES = 0.5e9  # bytes that Python and the libraries take beside a model on a CPU
_FLOAT32, _ADAM = 4, 8  # bytes a parameter: of a number, and of AdamW's two moments
_LOGIT = 12  # bytes a score in training: in the model's format, in float32, and its gradient
_PROMPT_LOGIT = 8  # bytes a score where generation reads prompts, which it scores at every token

_TURNS = (("activations",), ("kv_cache", "prompt_scores"))  # never held at the same time

Parts = dict[str, float]
"""What memory is for → bytes."""


@dataclass(frozen=True)
class Weights:
    """The weights of a stage's model.

    Attributes:
        shape: of the model.
        trained: parameters that are trained; 0 = none.
        adapter: parameters of its LoRA adapter; 0 = whole weights.
        width: bytes of a number of the frozen weights.
        mixed: computed in bfloat16.
    """

    shape: ModelShape
    trained: int
    adapter: int
    width: int
    mixed: bool

    @property
    def parts(self) -> Parts:
        """What they take, with gradients and AdamW's moments."""
        whole = self.shape.parameters
        found: Parts = {"weights": whole * (_FLOAT32 if self.trained and not self.adapter else self.width)}
        if self.adapter:
            found["adapter"] = self.adapter * _FLOAT32
        if self.trained:
            found["optimizer"] = self.trained * (_FLOAT32 + _ADAM)
            if self.mixed and not self.adapter:
                found["weights"] += whole * 2  # the copies that autocast keeps
        return found

    @property
    def saved(self) -> int:
        """Bytes of the model's folder."""
        if self.adapter:
            return self.adapter * _FLOAT32
        return self.shape.parameters * _FLOAT32

    @property
    def checkpoint(self) -> int:
        """Bytes of a checkpoint: what resuming needs."""
        return self.saved + self.trained * _ADAM


def activations(weights: Weights, rows: int, length: int, scored: int, kept: bool) -> float:
    """Bytes of what the backward pass needs.

    Args:
        rows: examples computed together, each of ``length`` tokens.
        scored: tokens of each at which every word of the vocabulary is scored.
        kept: every layer's are kept; else they are computed anew from what goes into a layer.
    """
    shape = weights.shape
    number = 3.0 if weights.mixed else 4.0  # bytes: some of them stay in float32
    attention = 2 * shape.key_value_heads * shape.head_size + 2 * shape.heads * shape.head_size
    layer = 6 * shape.hidden + attention + 4 * shape.intermediate
    layers = shape.layers * layer if kept else shape.layers * shape.hidden + layer
    return rows * (length * layers * number + scored * shape.vocabulary * _LOGIT)


def generation(weights: Weights, rows: int, prompt: int, answer: int) -> Parts:
    """What writing ``rows`` answers together takes: keys and values, and the scores of the prompts' words."""
    shape = weights.shape
    width = 2 if weights.mixed else weights.width
    values = shape.layers * 2 * shape.key_value_heads * shape.head_size
    return {
        "kv_cache": rows * (prompt + answer) * values * width,
        "prompt_scores": rows * prompt * shape.vocabulary * _PROMPT_LOGIT,
    }


def total(parts: Parts, gpu: bool) -> float:
    """Bytes at the peak; training and generation take turns."""
    training, generating = (sum(parts.get(name, 0.0) for name in names) for names in _TURNS)
    rest = sum(bytes_ for name, bytes_ in parts.items() if not any(name in names for names in _TURNS))
    return rest + max(training, generating) + (0.0 if gpu else LIBRARIES)


def reference(weights: Weights, trainer: dict[str, Any]) -> Parts:
    """The frozen copy that a preference trainer compares with: of whole weights, a second model."""
    if weights.adapter or not trainer.get("beta"):
        return {}
    return {"reference": weights.shape.parameters * _FLOAT32}
