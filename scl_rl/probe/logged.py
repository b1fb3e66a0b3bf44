"""The completions that a run's GRPO stage kept, and what they were asked with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..answer.grammar import AnswerFormat
from ..answer.settings import PromptSettings
from ..errors import Problem, UserError
from ..recipe.tree import Tree, read_text
from ..stages.grpo.settings import GrpoSettings
from ..suggest import did_you_mean


@dataclass(frozen=True)
class Logged:
    """Where a stage's completions lie, and how its model was prompted and read."""

    completions: Path
    documents: Path
    prompt: PromptSettings
    answer: AnswerFormat


def logged_by_run(stages: Path, recipe: Path, stage: str | None) -> Logged:
    """What a run's stage kept; its only such stage if none is named.

    Args:
        stages: the folder of the run's stages.
        recipe: the run's resolved recipe.

    Raises:
        UserError: it kept nothing, or this is not a run's folder.
    """
    kept = {
        path.parent.name: path.parent
        for path in sorted(stages.glob(f"*/{GrpoSettings.outputs['completions']}"))
    }
    if stage is None and len(kept) == 1:
        (stage,) = kept
    if stage not in kept:
        what = "no stage kept its completions" if not kept else "name the stage"
        if stage is not None:
            what = f"stage '{stage}' kept no completions"
        hint = did_you_mean(stage, kept, "those that did") or "set save_completions: true on the stage"
        raise UserError(Problem(str(stages.parent), what, hint))
    read = _recipe(recipe)
    return Logged(
        completions=kept[stage] / GrpoSettings.outputs["completions"],
        documents=kept[stage] / GrpoSettings.outputs["windows"],
        prompt=PromptSettings.model_validate(read.get("prompt", {})),
        answer=read.get("answer", "lines"),
    )


def _recipe(path: Path) -> dict[str, Any]:
    tree = Tree(str(path))
    tree.load(read_text(path, str(path)))
    if tree.problems:
        raise UserError(*tree.problems)
    if not isinstance(tree.value, dict):
        raise UserError(Problem(str(path), "can't be read as a run's recipe"))
    return tree.value
