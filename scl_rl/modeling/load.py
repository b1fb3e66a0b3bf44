"""Loading models and adapters, and keeping with them how they are prompted."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..atomic import new_folder
from ..errors import Problem, UserError
from ..reporter import PRINTER, Reporter
from ..upstream.launch import sharded
from ..upstream.logs import ignore_renamed_field
from . import ranks
from .model_files import ADAPTER_SETTINGS, check_adapter_files, check_model_files
from .resolve import resolve_model

CARD = "scl_rl.json"
_MISFITS = (  # of weights with settings, or of settings with any weights
    "ignore_mismatched_sizes",
    "loading state_dict",
    "negative dimension",
)


class ModelCard(BaseModel):
    """How a trained model is prompted and read; lies beside its weights as ``scl_rl.json``."""

    model_config = ConfigDict(extra="forbid")

    base: str
    base_folder: str | None = None  # of an adapter: the weights it lies on, from here, if a stage made them
    dtype: Literal["float32", "bfloat16"]
    revision: str | None = None
    template: str
    chat: bool
    answer: Literal["lines", "json"]
    window: int | None = None
    cite_template: str | None = None  # None: it was not trained to find evidence for given codes
    cite_titles: bool = False


@dataclass
class Loaded:
    """A model with its tokenizer, and the name by which messages call it."""

    model: Any
    tokenizer: Any
    name: str = "model"


def load_base(
    name: str, base: Path, dtype: str, revision: str | None = None, reporter: Reporter = PRINTER
) -> Loaded:
    """The model that a recipe starts from, its weights in ``dtype``.

    Raises:
        UserError: there is no such model, or its weights are not finite.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    from .attention import use_grouped

    transformers_logging.disable_progress_bar()
    with ranks.main_process_first():  # who may have to fetch or convert it
        source = resolve_model(name, base, revision, reporter)
    check_model_files(Path(source))
    with _loading(name, source):
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        tokenizer("a")  # some of what is wrong with its settings shows when it is used
        model, report = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=getattr(torch, dtype),
            revision=revision,
            use_safetensors=True,
            output_loading_info=True,
        )
        _check_end_tokens(model.generation_config.eos_token_id)
        missing = sorted(report["missing_keys"])
        if missing and ranks.is_main_process():  # others may be given them; the library makes them up
            raise ValueError(f"{len(missing)} of its weights are not in its files, such as {missing[0]}")
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        _check_special_tokens(tokenizer, model)
    if not sharded():  # or it is cut first, and each part goes to its GPU
        model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        use_grouped(model)
        _check_finite(name, model.named_parameters())
    return Loaded(model, tokenizer, name)


def _check_end_tokens(given: Any) -> None:
    if given == []:
        raise ValueError("eos_token_id is an empty list")
    for end in given if isinstance(given, list) else [given]:
        if not isinstance(end, int | None):
            raise ValueError(f"eos_token_id should be a number, not {type(end).__name__}")


def _check_special_tokens(tokenizer: Any, model: Any) -> None:
    """Refuse a tokenizer that can't pad, or whose special tokens the model doesn't have."""
    if tokenizer.pad_token_id is None:
        raise ValueError("its tokenizer has neither a pad token nor an end token")
    tokens = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
    highest = max(token for token in tokens if token is not None)
    if highest >= model.config.get_text_config().vocab_size:
        raise ValueError(f"its tokenizer has a special token, {highest}, that the model doesn't have")


@contextmanager
def _loading(name: str, source: str) -> Iterator[None]:
    """While libraries read a model's files: whatever they raise is said of the files.

    Raises:
        UserError: they raised, and not for lack of memory or of a library.
    """
    try:
        yield
    except Exception as error:  # files that somebody damaged make libraries raise anything
        misfit = any(words in str(error) for words in _MISFITS)
        if isinstance(error, UserError | MemoryError | ImportError) or (
            isinstance(error, RuntimeError) and not misfit
        ):
            raise
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        said = "its weights have other shapes than its settings say" if misfit else said
        raise UserError(Problem(f"model '{name}'", f"can't be loaded from {source}: {said}")) from error


def _check_finite(name: str, weights: Iterable[tuple[str, Any]]) -> None:
    from .finite import not_finite

    if bad := not_finite(weights):
        what = f"its weights are not finite ({bad} has NaN or infinity)"
        raise UserError(Problem(f"model '{name}'", what, "its training diverged, or its files are damaged"))


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder that scl-rl wrote.

    Raises:
        UserError: the folder holds no such card.
    """
    try:
        return ModelCard.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder}: not a model folder of scl-rl (no {CARD} in it)") from None
    except OSError as error:
        raise UserError(Problem(str(folder / CARD), f"can't be read: {error.strerror}")) from error
    except UnicodeDecodeError:
        raise UserError(Problem(str(folder / CARD), "is damaged: not UTF-8 text")) from None
    except ValidationError as error:
        first = error.errors()[0]
        what = ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
        raise UserError(Problem(str(folder / CARD), f"is damaged: {what}")) from None


def is_adapter(folder: Path) -> bool:
    """Whether a model folder holds a LoRA adapter and not whole weights."""
    return (folder / ADAPTER_SETTINGS).exists()


def load_trained(
    folder: Path,
    base: Path,
    trainable: bool = False,
    dtype: str | None = None,
    reporter: Reporter = PRINTER,
) -> Loaded:
    """A model that a stage saved. An adapter comes on top of its base model, in float32 as it was trained.

    Whole weights are loaded in ``dtype``, or else in their card's.

    Raises:
        UserError: it can't be loaded, or its weights are not finite.
    """
    card = read_card(folder)
    if not is_adapter(folder):
        if not (folder / "config.json").exists():
            what = f"has neither config.json nor {ADAPTER_SETTINGS}: its files are not all there"
            raise UserError(Problem(str(folder), what))
        return load_base(str(folder.resolve()), base, dtype or card.dtype, reporter=reporter)
    from peft import PeftModel, get_peft_model_state_dict

    from ..upstream.adapters import use_lean_layers

    check_adapter_files(folder)
    if card.base_folder:
        whole = (folder / card.base_folder).resolve()
        if not whole.is_dir():
            raise UserError(f"{folder}: the adapter's base model is gone: {whole}")
        loaded = load_base(str(whole), base, dtype or card.dtype, reporter=reporter)
    else:
        loaded = load_base(card.base, base, dtype or card.dtype, card.revision, reporter)
    with warnings.catch_warnings():
        ignore_renamed_field()
        with _loading(str(folder), str(folder)):
            loaded.model = PeftModel.from_pretrained(loaded.model, str(folder), is_trainable=trainable)
            use_lean_layers(loaded.model)
    loaded.name = str(folder)
    _check_finite(loaded.name, get_peft_model_state_dict(loaded.model).items())
    return loaded


def save_trained(loaded: Loaded, folder: Path, card: ModelCard, weights: Any = None) -> None:
    """Save weights or adapter (safetensors), tokenizer and card, all of them or nothing.

    Args:
        weights: the model's state dict, where the model itself holds a part of its weights only.
    """
    only: dict[str, Any] = {} if weights is None else {"state_dict": weights}
    if hasattr(loaded.model, "peft_config"):
        from ..upstream.models import TRAINED_ADAPTER

        only["selected_adapters"] = [TRAINED_ADAPTER]  # not TRL's reference
    with new_folder(folder) as half:
        loaded.model.save_pretrained(half, **only)
        loaded.tokenizer.save_pretrained(half)
        (half / "README.md").unlink(missing_ok=True)  # peft's form, which nobody filled in
        (half / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
