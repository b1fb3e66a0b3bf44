"""The completions that a run's GRPO stage kept, and what they were asked with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..answer.grammar import AnswerFormat
from ..answer.settings import PromptSettings
from ..errors import Problem, UserError
from ..stages.grpo.step_log import COMPLETIONS, WINDOWS
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
    kept = {path.parent.name: path.parent for path in sorted(stages.glob(f"*/{COMPLETIONS}"))}
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
        completions=kept[stage] / COMPLETIONS,
        documents=kept[stage] / WINDOWS,
        prompt=PromptSettings.model_validate(read.get("prompt", {})),
        answer=read.get("answer", "lines"),
    )


def _recipe(path: Path) -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
        raise UserError(Problem(str(path), "can't be read as a run's recipe")) from error
