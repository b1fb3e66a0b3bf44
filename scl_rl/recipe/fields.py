"""The field names of TRL's and peft's settings, read from their source: importing them takes seconds."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

_WHERE = {
    "sft": ("trl", "trainer/sft_config.py", "SFTConfig"),
    "dpo": ("trl", "trainer/dpo_config.py", "DPOConfig"),
    "grpo": ("trl", "trainer/grpo_config.py", "GRPOConfig"),
    "lora": ("peft", "tuners/lora/config.py", "LoraConfig"),
}
_BASES = {
    "_BaseConfig": ("trl", "trainer/base_config.py"),
    "TrainingArguments": ("transformers", "training_args.py"),
    "PeftConfig": ("peft", "config.py"),
    "PeftConfigMixin": ("peft", "config.py"),
}
_SIMPLE = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,), "None": (type(None),)}


@cache
def config_types(which: str) -> dict[str, str]:
    """Field name → annotation as written, for "sft", "dpo", "grpo" (TRL) or "lora" (peft).

    Empty if the library is not installed or keeps its settings elsewhere: then nothing is checked.
    """
    return _fields(*_WHERE[which])


def config_fields(which: str) -> frozenset[str]:
    """The field names of "sft", "dpo", "grpo" (TRL) or "lora" (peft); empty if they can't be found."""
    return frozenset(config_types(which))


def misfit(which: str, name: str, value: object) -> str:
    """What a field takes, if ``value`` is certainly not it; else nothing."""
    kinds = [kind.strip() for kind in config_types(which).get(name, "").split("|")]
    if not all(kind in _SIMPLE for kind in kinds):
        return ""
    fits = any(
        isinstance(value, _SIMPLE[kind]) and (kind == "bool" or not isinstance(value, bool)) for kind in kinds
    )
    words = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "text",
        "None": "null",
    }
    return "" if fits else " or ".join(words[kind] for kind in kinds)


def _fields(library: str, file: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for statement in _module(library, file):
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            for base in statement.bases:
                if isinstance(base, ast.Name) and base.id in _BASES:
                    found |= _fields(*_BASES[base.id], base.id)
            for field in statement.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    annotation = field.annotation
                    text = (
                        annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
                    )
                    if not str(text).startswith("ClassVar"):
                        found[field.target.id] = str(text)
    return found


@cache
def _module(library: str, file: str) -> list[ast.stmt]:
    spec = importlib.util.find_spec(library)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / file
        if path.is_file():
            return ast.parse(path.read_bytes()).body
    return []
