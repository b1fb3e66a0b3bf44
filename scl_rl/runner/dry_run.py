"""Every stage of a recipe tried for a step or two, with a random model, on the longest samples there are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..corpus.jsonl import write_jsonl
from ..corpus.records import sample_records
from ..corpus.sources import SETS
from ..corpus.sources.files import FilesSource
from ..corpus.types import Document, Span
from ..modeling.shape import model_shape
from ..recipe.schema import Recipe
from ..reporter import Reporter
from ..stages.contract import StageContext, StageSettings
from .context import context_of
from .execute.local import run_in_subprocess
from .folder import CheckFolder, RunFolder
from .run import RunOptions, run_recipe

_RECORDS, _LONGEST = 8, 2  # of each set, and how many of them are the longest


class MakeMiniature(StageSettings):
    """Makes the random model, in a process of its own."""

    kind: Literal["miniature"] = "miniature"
    full_size: bool = False

    own_process: ClassVar[bool] = True
    memory_hint: ClassVar[str] = "the model alone does not fit; leave --full-size out"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write it into the context's folder."""
        from ..modeling.miniature import make_miniature

        model = context.model
        make_miniature(
            model.name, context.base, context.folder, model.revision, self.full_size, context.reporter
        )
        return {}


class _StagesAlone:
    """Passes on which stages run, and not what they say: how a random model fares is no news."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def say(self, line: str) -> None:
        """Pass on the start of a stage."""
        if line.startswith("run "):
            self._reporter.say(line.removesuffix(": first run"))

    def progress(self, line: str) -> None:
        """Pass on how far a stage is."""
        self._reporter.progress(line)


def dry_run(
    recipe: Recipe,
    run: RunFolder,
    reporter: Reporter,
    full_size: bool = False,
) -> int:
    """Try every stage. What it writes lies in ``run.check``, and is removed if all is well.

    Args:
        run: the folder of the recipe's run.
        full_size: with a model as large as the real one.

    Returns:
        How many stages were tried.

    Raises:
        UserError: the data, a reward or what a stage was given is wrong.
        WorkError: a stage failed.
    """
    folder = run.check
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.data.mkdir(parents=True)
    data, characters = _some_data(recipe, folder.data)
    folder.model.mkdir()
    reporter.say(
        f"check: a {'full-size' if full_size else 'small'} random model like {recipe.head.model.name}"
    )
    context = context_of(recipe, run, "model", folder.model, reporter)
    run_in_subprocess(MakeMiniature(full_size=full_size), context, folder.log)
    tried = _small(recipe, folder.model, data, characters // 2)
    run_recipe(tried, run.path, RunOptions(reporter=_StagesAlone(reporter)))
    shutil.rmtree(folder.path)
    return len(tried.stages)


def _some_data(recipe: Recipe, folder: Path) -> tuple[FilesSource, int]:
    """The longest records of every set of the real data, and some others; the characters trained on."""
    sets = recipe.data.load()
    number = max(_RECORDS, *(stage.settings.prompts_at_once(stage.processes) for stage in recipe.stages))
    files, characters = {}, 0
    for name in SETS:
        records: Sequence[Document | Span] = getattr(sets, name)
        if records:
            files[name] = folder / f"{name}.jsonl"
            chosen = _longest_and_others(records, number)
            write_jsonl(files[name], chosen)
            if name in ("annotated", "spans"):
                characters += sum(len(record.text) for record in chosen)
    return FilesSource(**files), characters


def _longest_and_others(records: Sequence[Document | Span], number: int) -> list[Document | Span]:
    order = sorted(range(len(records)), key=lambda i: (-len(records[i].text), i))
    others = sample_records(order[_LONGEST:], max(0, number - _LONGEST))
    return [records[i] for i in order[:_LONGEST] + others][:number]


def _small(recipe: Recipe, model: Path, data: FilesSource, tokens: int) -> Recipe:
    small = {name: settings.dry_run_settings(tokens) for name, settings in recipe.written.items()}
    random = recipe.head.model.model_copy(update={"name": str(model.resolve()), "revision": None})
    return replace(
        recipe,
        head=recipe.head.model_copy(update={"name": CheckFolder.NAME, "model": random}),
        shape=model_shape(random, recipe.base),
        data=data,
        written=small,
        stages=tuple(replace(stage, settings=small[stage.written]) for stage in recipe.stages),
    )
