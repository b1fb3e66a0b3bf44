"""What a model's files say of its size, without loading it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..user_cache import cache_folder
from .resolve import BUILT_IN
from .settings import ModelSettings

_BUILT_IN_CONFIGS: dict[str, dict[str, Any]] = {
    "smollm2-135m": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    }
}
_LAYER = re.compile(r"\.(\d+)\.")
_ENDS = re.compile(r"embed|wte|wpe|lm_head|^output\.|token_embd")  # what "all-linear" leaves alone


@dataclass(frozen=True)
class ModelShape:
    """The size of a model.

    Attributes:
        weights: parameter name → shape.
        context: most tokens that it reads and writes together.
        tokenizer: its ``tokenizer.json``, if one lies beside it.
        exact: the names in ``weights`` are those of the model when it is loaded, not guesses.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_value_heads: int
    head_size: int
    vocabulary: int
    context: int
    weights: dict[str, tuple[int, ...]]
    tokenizer: Path | None = None
    exact: bool = False

    @property
    def parameters(self) -> int:
        """How many numbers it has."""
        return sum(math.prod(shape) for shape in self.weights.values())

    def unfrozen(self, expressions: list[str]) -> int:
        """The parameters whose names match none of the regular expressions."""
        return sum(
            math.prod(shape)
            for name, shape in self.weights.items()
            if not any(re.search(expression, name) for expression in expressions)
        )

    def linear_layers(self) -> list[str]:
        """The last parts of the names of what adapters are put on, such as q_proj; empty if not known."""
        names = [name.removesuffix(".weight") for name, shape in self.weights.items() if len(shape) == 2]
        found = (name.rpartition(".")[2] for name in names if _targeted(name, "all-linear"))
        return list(dict.fromkeys(found)) if self.exact else []

    def adapter(self, peft: dict[str, Any]) -> int:
        """The parameters of a LoRA adapter on it; unless ``peft`` says else, of rank 16 on all layers."""
        rank, targets = int(peft.get("r", 16)), peft.get("target_modules") or "all-linear"
        return sum(
            rank * sum(shape)
            for name, shape in self.weights.items()
            if len(shape) == 2 and _targeted(name.removesuffix(".weight"), targets)
        )


def model_shape(model: ModelSettings, base: Path) -> ModelShape | None:
    """The shape of a recipe's model, None if its files are not on this machine or don't say."""
    place = _place(model, base)
    try:
        return _shape_of(place) if place else _known(model.name)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _place(model: ModelSettings, base: Path) -> Path | None:
    """The folder or GGUF file of a model, in the order in which a run looks for it."""
    local = base / Path(model.name).expanduser()
    if local.is_file() or (local / "config.json").is_file():
        return local
    if model.name in BUILT_IN:
        converted = cache_folder("models") / model.name
        return converted if (converted / "config.json").is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(model.name, "config.json", revision=model.revision)
    except HFValidationError:
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def _known(name: str) -> ModelShape | None:
    config = _BUILT_IN_CONFIGS.get(name)
    return replace(_from_config(config, {}, None), exact=True) if config else None


@cache
def _shape_of(place: Path) -> ModelShape:
    if place.is_file():
        return _from_gguf(place)
    config = dict(json.loads((place / "config.json").read_text(encoding="utf-8")))
    weights: dict[str, tuple[int, ...]] = {}
    for file in sorted(place.glob("*.safetensors")):
        weights |= _shapes_in(file)
    tokenizer = place / "tokenizer.json"
    return _from_config(config, weights, tokenizer if tokenizer.is_file() else None)


def _from_config(
    config: dict[str, Any], weights: dict[str, tuple[int, ...]], tokenizer: Path | None
) -> ModelShape:
    config = config.get("text_config", config)

    def first(*names: str) -> int:
        known = [name for name in names if config.get(name) is not None]
        return int(config[known[0]] if known else config[names[0]])

    hidden, heads = first("hidden_size", "n_embd"), first("num_attention_heads", "n_head")
    shape = ModelShape(
        layers=first("num_hidden_layers", "n_layer"),
        hidden=hidden,
        intermediate=int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden),
        heads=heads,
        key_value_heads=int(config.get("num_key_value_heads") or heads),
        head_size=int(config.get("head_dim") or hidden // heads),
        vocabulary=first("vocab_size"),
        context=first("max_position_embeddings", "n_positions"),
        weights=weights,
        tokenizer=tokenizer,
    )
    if weights:
        return replace(shape, exact=True)
    tied = bool(config.get("tie_word_embeddings", True))
    return replace(shape, weights=dict(_like_llama(shape, tied)))


def _like_llama(shape: ModelShape, tied: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The weights that a model of this shape has, built as most are."""
    hidden, inner = shape.hidden, shape.intermediate
    queries, keys = shape.heads * shape.head_size, shape.key_value_heads * shape.head_size
    yield "model.embed_tokens.weight", (shape.vocabulary, hidden)
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
            yield f"{at}self_attn.{name}.weight", (rows, hidden)
        yield f"{at}self_attn.o_proj.weight", (hidden, queries)
        for name in ("gate_proj", "up_proj"):
            yield f"{at}mlp.{name}.weight", (inner, hidden)
        yield f"{at}mlp.down_proj.weight", (hidden, inner)
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{at}{name}.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", (shape.vocabulary, hidden)


def _shapes_in(file: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of what a safetensors file holds."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError("not a safetensors file") from error


def _from_gguf(file: Path) -> ModelShape:
    from gguf import GGUFReader

    reader = GGUFReader(str(file))

    def value(name: str, default: int | None = None) -> Any:
        field = reader.get_field(name)
        if field is None and default is not None:
            return default
        if field is None:
            raise KeyError(name)
        return field.contents()

    kind = value("general.architecture")
    hidden, heads = value(f"{kind}.embedding_length"), value(f"{kind}.attention.head_count")
    weights = {tensor.name: tuple(int(n) for n in tensor.shape) for tensor in reader.tensors}
    return ModelShape(
        layers=value(f"{kind}.block_count"),
        hidden=hidden,
        intermediate=value(f"{kind}.feed_forward_length"),
        heads=heads,
        key_value_heads=value(f"{kind}.attention.head_count_kv", heads),
        head_size=value(f"{kind}.attention.key_length", hidden // heads),
        vocabulary=max(weights["token_embd.weight"]),
        context=value(f"{kind}.context_length"),
        weights=weights,
    )


def _targeted(module: str, targets: Any) -> bool:
    """Whether peft puts an adapter on a module."""
    if targets == "all-linear":
        return not _ENDS.search(module) and _LAYER.search(module) is not None
    if isinstance(targets, str):
        return re.fullmatch(targets, module) is not None
    return any(module == target or module.endswith(f".{target}") for target in targets)
