"""What trainers and the model ask of a recipe, noted at the lines where it is written."""

from __future__ import annotations

from typing import Any

from ..errors import Where
from ..modeling.shape import ModelShape
from ..stages.contract import StageSettings
from ..stages.shared.checks import trainer_problems
from ..stages.shared.config import Machine, resolve_written
from ..suggest import did_you_mean, shown
from .schema import Head
from .tree import Tree


def check_context(head: Head, stages: dict[str, StageSettings], shape: ModelShape | None, tree: Tree) -> None:
    """Note adapters on layers that the model lacks, and what is more than it reads: windows with answers."""
    if shape is None:
        return
    for name, settings in stages.items():
        _check_targets(name, settings.adapter() or {}, shape, tree)
        answer, window = settings.answer_limit(), head.window.tokens if head.window else 0
        if answer is not None and answer + window > shape.context:
            what = f"{window} tokens of a note and {answer} of an answer" if window else f"{answer} tokens"
            tree.fail(("stages", name), f"{what} are more than the {shape.context} that the model reads")


def _check_targets(name: str, peft: dict[str, Any], shape: ModelShape, tree: Tree) -> None:
    """Note an adapter that peft would find no layer for."""
    targets, layers = peft.get("target_modules"), shape.linear_layers()
    if not targets or not layers or shape.adapter({"target_modules": targets}):
        return
    what = f"the model has no layer {shown(targets if isinstance(targets, str) else targets[0])}"
    hint = did_you_mean(targets if isinstance(targets, str) else targets[0], layers, "its layers")
    if isinstance(targets, str):
        hint = f"a text is a regular expression for whole names; write a list of some of: {', '.join(layers)}"
    tree.fail(("stages", name, "peft", "target_modules"), what, hint)


def check_trainer(
    name: str, kind: type[StageSettings], written: dict[str, Any], dtype: str, tree: Tree, processes: int = 1
) -> None:
    """Note what the trainer of a stage would refuse, whatever else is wrong with the stage.

    Args:
        written: the stage as written.
        dtype: number format of the model's weights.
        processes: how many train together.
    """
    if kind.trainer_config is None:
        return
    sections = {part: _sound(written.get(part), ("stages", name, part), tree) for part in ("trainer", "peft")}
    anywhere = Machine(gpu=False, bfloat16=True)  # it may run on another machine than this one
    config = resolve_written(kind, sections, dtype, anywhere)
    problems = trainer_problems(kind, config, sections["trainer"], sections["peft"], processes)
    for problem in problems:
        tree.add(("stages", name), problem)


def _sound(section: Any, where: Where, tree: Tree) -> dict[str, Any]:
    """The fields of a section that have no problem yet."""
    if not isinstance(section, dict):
        return {}
    return {name: value for name, value in section.items() if not tree.spoilt((*where, name))}
