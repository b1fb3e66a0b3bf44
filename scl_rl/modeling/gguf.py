"""Turning a GGUF file into an ordinary model folder, once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ..errors import UserError, WorkError


def convert_gguf(file: Path, folder: Path) -> Path:
    """Dequantise a GGUF file to float32 safetensors with its tokenizer, complete or not at all.

    Raises:
        UserError: the file is not a GGUF that transformers can read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise UserError(f"{file}: not a GGUF file (it does not start with 'GGUF')")
    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            **source, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer = AutoTokenizer.from_pretrained(**source)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise UserError(f"{file}: transformers can't read this GGUF: {error}") from error
    if model.config.model_type == "llama" and tokenizer.vocab_size == 49152:
        _restore_digit_splitting(tokenizer)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    aside.mkdir(parents=True)
    try:
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        aside.rename(folder)
    except OSError as error:
        if (folder / "config.json").exists():  # another process was first
            return folder
        raise WorkError(f"could not write the converted model to {folder}: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _restore_digit_splitting(tokenizer: Any) -> None:
    """SmolLM2 reads numbers digit by digit, which its GGUF does not record."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
