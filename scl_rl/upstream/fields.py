"""The fields of TRL's and peft's configs, read from their source: importing them takes seconds.

Relies on where the classes are and on their being dataclasses whose fields stand in the class's body.
Holds for trl 1.16, transformers 5.23, peft 0.21.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

CONFIGS = {
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
ENUMS = {
    "IntervalStrategy": ("transformers", "trainer_utils.py"),
    "SaveStrategy": ("transformers", "trainer_utils.py"),
    "SchedulerType": ("transformers", "trainer_utils.py"),
    "HubStrategy": ("transformers", "trainer_utils.py"),
    "OptimizerNames": ("transformers", "training_args.py"),
}
LOSSES = {which: ("trl", f"trainer/{which}_trainer.py") for which in ("sft", "dpo", "grpo")}

Field = tuple[str, str, ast.expr | None]
"""A field's name, its annotation as written, and its default."""


def config_fields_of(which: str) -> Iterator[Field]:
    """The fields of a key of :data:`CONFIGS`, those of its bases first; none without its library."""
    return _fields(*CONFIGS[which])


def members(enum: str) -> Iterator[str]:
    """The values of an enumeration, a key of :data:`ENUMS`."""
    for statement in _module(*ENUMS[enum]):
        if isinstance(statement, ast.ClassDef) and statement.name == enum:
            for member in statement.body:
                if isinstance(member, ast.Assign) and isinstance(member.value, ast.Constant):
                    yield str(member.value.value)


@cache
def loss_types(which: str) -> tuple[str, ...]:
    """The names of the losses that a trainer compares its ``loss_type`` with, for a key of :data:`LOSSES`."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.Module(_module(*LOSSES[which]), [])):
        if isinstance(node, ast.Compare) and ast.unparse(node.left).rpartition(".")[2] == "loss_type":
            for part in ast.walk(ast.Tuple(node.comparators)):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    found[part.value] = None
    return tuple(found)


def _fields(library: str, file: str, name: str) -> Iterator[Field]:
    for statement in _module(library, file):
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            for base in statement.bases:
                if isinstance(base, ast.Name) and base.id in _BASES:
                    yield from _fields(*_BASES[base.id], base.id)
            for field in statement.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    annotation = field.annotation
                    text = (
                        annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
                    )
                    if not str(text).startswith("ClassVar"):
                        yield field.target.id, str(text), field.value


@cache
def _module(library: str, file: str) -> list[ast.stmt]:
    spec = importlib.util.find_spec(library)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / file
        if path.is_file():
            return ast.parse(path.read_bytes()).body
    return []
