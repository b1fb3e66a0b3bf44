"""What models carry with them besides their weights."""

from __future__ import annotations

from typing import Any

import torch

TRAINED_ADAPTER = "default"
"""The name of the adapter that is trained. peft gives it to the only one, and TRL names its frozen copy for
the reference otherwise. Holds for peft 0.21, trl 1.16."""


def cpu_has_bfloat16() -> bool:
    """Whether this processor computes in bfloat16 without emulating it, as oneDNN sees it.

    Relies on a private operator of torch; where it is gone, the answer is no. Holds for torch 2.13.
    """
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is not None and bool(supported())


def attention_of(model: Any) -> str:
    """The name of the attention implementation that a model uses.

    Relies on ``_attn_implementation`` of its config. Holds for transformers 5.23.
    """
    return str(model.config._attn_implementation)
