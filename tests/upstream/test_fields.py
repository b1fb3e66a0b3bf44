"""The fields that are read from source are those of the classes."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

import pytest

pytest.importorskip("torch")

import peft
import transformers.trainer_utils
import transformers.training_args
import trl

from scl_rl.upstream.fields import CONFIGS, ENUMS, LOSSES, config_fields_of, loss_types, members
from tests.upstream.changed import changed

MODULE = "fields"


@pytest.mark.parametrize("which", CONFIGS)
def test_fields_are_those_of_the_class(which: str) -> None:
    library, file, name = CONFIGS[which]
    real = {field.name for field in dataclasses.fields(getattr({"trl": trl, "peft": peft}[library], name))}
    found = {field for field, _, _ in config_fields_of(which)}
    what = f"has the fields of {name} and of its bases in the class's body in {file}"
    assert found == real, changed(library, what, MODULE) + f" ({sorted(found ^ real)})"


@pytest.mark.parametrize("enum", ENUMS)
def test_words_are_those_of_the_enumeration(enum: str) -> None:
    modules: tuple[Any, ...] = (transformers.trainer_utils, transformers.training_args)
    real: type[Enum] = next(getattr(module, enum) for module in modules if hasattr(module, enum))
    what = f"has the values of {enum} in the class's body in {ENUMS[enum][1]}"
    assert set(members(enum)) == {str(member.value) for member in real}, changed("transformers", what, MODULE)


@pytest.mark.parametrize(
    ("which", "known"),
    [("sft", {"nll", "dft"}), ("dpo", {"sigmoid", "ipo", "sft"}), ("grpo", {"grpo", "dr_grpo", "dapo"})],
)
def test_losses_are_found(which: str, known: set[str]) -> None:
    what = f"compares its loss_type with the names of losses in {LOSSES[which][1]}"
    assert known <= set(loss_types(which)), changed("trl", what, MODULE)
