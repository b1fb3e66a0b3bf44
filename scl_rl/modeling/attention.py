"""Attention for bfloat16 on CPUs, where torch's own kernel is slow at the lengths of clinical answers.

Registered with transformers like any other implementation. On two cores of an AMD EPYC a layer forward and
backward takes half as long as with ``sdpa`` for 4 rows of 160 tokens, and for 7 answers of 64 tokens after a
prompt of 140; queries that share a head of keys are multiplied together, so keys are not repeated. It keeps
all weights of a call in memory: what is larger goes to ``sdpa``. As in transformers' ``eager``, scores are
rounded to bfloat16 before the softmax.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ..upstream.models import attention_of

NAME = "grouped_cpu"
_MOST = 4_000_000  # attention weights of a call: 8 MB, which training keeps for every layer
_OTHER = ("position_bias", "s_aux", "softcap", "cache")  # that some models ask for


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers asks of an attention implementation.

    Args:
        query: of shape (rows, heads, queries, size).
        key: of shape (rows, heads of keys, keys, size); ``value`` likewise.
        attention_mask: of shape (rows, 1, queries, keys): true where a key may be seen. Without one, each
            query sees the keys up to its own place.

    Returns:
        What was attended to, of shape (rows, queries, heads, size).
    """
    if query.device.type == "cpu" and torch.is_autocast_enabled("cpu"):  # which does so to sdpa's
        query, key, value = (states.to(torch.get_autocast_dtype("cpu")) for states in (query, key, value))
    rows, heads, queries, size = query.shape
    kinds, keys = key.shape[1:3]
    ours = (
        query.dtype == key.dtype == torch.bfloat16
        and _is_known(attention_mask, queries, keys)
        and not dropout
        and rows * heads * queries * keys <= _MOST
        and all(others.get(name) is None for name in _OTHER)
    )
    if not ours:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return found
    scale = size**-0.5 if scaling is None else scaling
    together = (query * scale).reshape(rows * kinds, heads // kinds * queries, size)
    scores = torch.bmm(together, key.reshape(rows * kinds, keys, size).transpose(1, 2))
    if queries > 1 and attention_mask is None:
        attention_mask = torch.ones(1, 1, queries, keys, dtype=torch.bool).tril()
    if attention_mask is not None:
        hidden = torch.zeros_like(attention_mask, dtype=scores.dtype)
        hidden.masked_fill_(~attention_mask, torch.finfo(scores.dtype).min)  # finite: a row may see nothing
        scores = (scores.view(rows, heads, queries, keys) + hidden).view(rows * kinds, -1, keys)
    weights = torch.softmax(scores, -1)
    seen = torch.bmm(weights, value.reshape(rows * kinds, keys, size))
    return seen.view(rows, heads, queries, size).transpose(1, 2).contiguous(), None


def _is_known(mask: torch.Tensor | None, queries: int, keys: int) -> bool:
    """Whether it says who sees whom, or there is none since each sees all before it."""
    if mask is None:
        return queries in (1, keys)
    return bool(mask.dtype == torch.bool and mask.shape[1] == 1)


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)


def use_grouped(model: Any) -> None:
    """Have a model on a CPU attend in this way, if it is to use ``sdpa``."""
    if model.device.type == "cpu" and attention_of(model) == "sdpa":
        model.set_attn_implementation(NAME)
