"""What a GRPO stage asks about."""

from __future__ import annotations

from typing import Any

from ...corpus.jsonl import write_jsonl
from ...rewards_api.call import row_of
from ..contract import StageContext
from ..shared.prompting import Prompting, some_windows
from .settings import GrpoSettings


def prompt_rows(settings: GrpoSettings, context: StageContext, prompting: Prompting) -> list[dict[str, Any]]:
    """A row per window, with the columns that rewards see; the windows are kept beside saved completions."""
    windows = some_windows(settings, context, prompting)
    if settings.save_completions:
        write_jsonl(context.folder / settings.outputs["windows"], windows)
    return [dict(row_of(window, prompting.prompt(window.text))) for window in windows]
