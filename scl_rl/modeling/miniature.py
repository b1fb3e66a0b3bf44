"""Random models of a given architecture, to try a recipe on before the real one is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UserError
from ..reporter import PRINTER, Reporter
from .resolve import resolve_model

_LAYERS, _HEADS, _HEAD_SIZE = 2, 4, 16


def make_miniature(
    name: str,
    base: Path,
    folder: Path,
    revision: str | None = None,
    full_size: bool = False,
    reporter: Reporter = PRINTER,
) -> None:
    """Write a model with random weights, and the real tokenizer, into a folder.

    Args:
        full_size: as large as the real one, so that it takes as much memory; else two narrow layers.

    Raises:
        UserError: there is no such model, or its architecture can't be made smaller.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source = resolve_model(name, base, revision, reporter)
    config = AutoConfig.from_pretrained(source, revision=revision)
    if not full_size:
        _shrink(config)
    torch.manual_seed(0)
    try:
        model = AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(
            f"model '{name}': can't be made as a small random model ({str(error).splitlines()[0]}); "
            "try --full-size"
        ) from error
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, revision=revision).save_pretrained(folder)


def _shrink(config: Any) -> None:
    """Make a config small, whatever names its architecture has for its sizes (``attribute_map`` knows)."""
    groups = max(1, config.num_attention_heads // (getattr(config, "num_key_value_heads", None) or 1))
    sizes = {
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": max(1, _HEADS // groups),
        "head_dim": _HEAD_SIZE,
        "hidden_size": _HEADS * _HEAD_SIZE,
        "intermediate_size": 2 * _HEADS * _HEAD_SIZE,
        "num_experts": 2,
        "num_local_experts": 2,
    }
    for name, size in sizes.items():
        if getattr(config, name, None) is not None:
            setattr(config, name, size)
    layers = getattr(config, "layer_types", None)
    if layers:
        config.layer_types = layers[:_LAYERS]
