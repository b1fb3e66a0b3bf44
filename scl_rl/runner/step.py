"""One step of a run: the work is done in a partial folder, its outputs are checked and put in place."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any, Literal

from ..atomic import make_durable, write_json
from ..errors import Problem, UserError, WorkError, file_problem
from ..recipe.schema import Recipe
from ..reporter import Reporter
from ..stages.contract import StageResult
from ..stages.shared.interrupt import STOP
from .context import context_of
from .execute.distributed import run_launched
from .execute.failure import describe_error
from .execute.local import run_in_subprocess
from .execute.stage_log import StageLog
from .folder import RunFolder, StageFolder
from .manifest import Entry, Manifest, now
from .outputs import missing, record
from .plan import Step


class StepRunner:
    """Runs steps, and keeps the manifest.

    Args:
        results: the stages that are done, by name; a step finds its parents here.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: RunFolder,
        manifest: Manifest,
        results: Mapping[str, StageResult],
        reporter: Reporter,
    ) -> None:
        self._recipe = recipe
        self._run = run
        self._manifest = manifest
        self._results = results
        self._reporter = reporter

    def run(self, step: Step) -> None:
        """Run a step in its partial folder, then put that in place. The manifest says how it went.

        Raises:
            UserError, KeyboardInterrupt: as the step raised it.
            WorkError: the step failed; the traceback is in its log.
        """
        made_from = {parent: self._manifest.stages[parent].started for parent in step.parents}
        partial = self._run.partial(step.name)
        earlier = self._resume_partial(partial, step, made_from)
        log = StageLog(partial.log, self._reporter)
        log.note(str(step))
        entry = Entry(
            kind=step.kind,
            state="running",
            key=step.key,
            ingredients=step.ingredients,
            made_from=made_from,
            started=now(),
        )
        self._manifest.stages[step.name] = entry
        self._manifest.write(self._run)
        clock = time.monotonic()

        def close(state: Literal["done", "failed", "interrupted"]) -> None:
            entry.state, entry.finished = state, now()
            entry.minutes = earlier + (time.monotonic() - clock) / 60

        try:
            entry.figures = self._figures(step, partial, log)
        except BaseException as error:
            if STOP.asked and not isinstance(error, UserError | WorkError | KeyboardInterrupt):
                error = KeyboardInterrupt()  # which came while a library was imported, say
            elif problem := file_problem(error):
                error = UserError(problem)
            close("failed" if isinstance(error, Exception) else "interrupted")
            entry.error = str(error) or type(error).__name__
            with contextlib.suppress(OSError):  # the disk may be full
                self._manifest.write(self._run)
                _write_signature(partial, step.key, made_from, entry.minutes)
            if isinstance(error, Exception) and not isinstance(error, UserError):
                hint = step.stage.settings.memory_hint if step.stage else "make its sets smaller"
                what = log.failure(describe_error(error, hint, partial.path), error)
                raise WorkError(f"stage {step.name} failed: {what}") from error
            raise error
        self._put_in_place(step, partial, entry)
        close("done")
        self._manifest.write(self._run)

    def _resume_partial(self, partial: StageFolder, step: Step, made_from: dict[str, str]) -> float:
        """Make the partial folder ready: one left by the same work stays as it is, another is removed.

        Returns:
            The minutes already spent on what it holds.
        """
        final, entry = self._run.stage(step.name), self._manifest.stages.get(step.name)
        if entry is not None and entry.state == "running" and not partial.path.exists():
            with contextlib.suppress(FileNotFoundError):  # killed when it was in place and not yet recorded
                final.path.rename(partial.path)
        minutes = 0.0
        try:
            left = json.loads(partial.signature.read_text(encoding="utf-8"))
            same = not step.forced and (left["key"], left["made_from"]) == (step.key, made_from)
            minutes = float(left["minutes"]) if same else 0.0
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            shutil.rmtree(partial.path, ignore_errors=True)
            partial.path.mkdir()
            _write_signature(partial, step.key, made_from, 0.0)
        return minutes

    def _figures(self, step: Step, partial: StageFolder, log: StageLog) -> dict[str, Any]:
        """Do the work of a step, unless it was done and only not yet put in place."""
        settings = step.stage.settings if step.stage else None
        with contextlib.suppress(FileNotFoundError, ValueError):  # damaged: the work is done again
            done = json.loads(partial.figures.read_text(encoding="utf-8"))
            if isinstance(done, dict) and not (settings and missing(settings, partial)):
                return done
        figures = self._work(step, partial, log)
        if lacking := missing(settings, partial) if settings else []:
            raise WorkError(f"it ended without writing its {', '.join(lacking)}")
        write_json(partial.figures, figures)
        return figures

    def _work(self, step: Step, partial: StageFolder, log: StageLog) -> dict[str, Any]:
        if step.stage is None:
            with self._recipe.placing("data"):
                return self._prepare_data(step, partial)
        stage, settings = step.stage, step.stage.settings
        context = context_of(
            self._recipe,
            self._run,
            step.name,
            partial.path,
            log,
            parents=tuple(self._results[name] for name in stage.parents),
            also_needs=tuple(self._results[name] for name in stage.also_needs),
            seed=stage.seed,
        )
        if stage.launch is not None:
            return run_launched(settings, context, stage.launch, log.path)
        if settings.own_process:
            return run_in_subprocess(settings, context, log.path)
        return settings.run(context)

    def _prepare_data(self, step: Step, partial: StageFolder) -> dict[str, Any]:
        """Copy the data; its key is that of the inputs as they were planned with."""
        counts = dict(self._recipe.data.prepare(partial.path))
        now = self._recipe.data.input_hashes()
        changed = [name for name, digest in step.ingredients["inputs"].items() if now.get(name) != digest]
        if changed:
            what = "changed while it was read"
            raise UserError(*(Problem("", what, "run it again", (name,)) for name in changed))
        return counts

    def _put_in_place(self, step: Step, partial: StageFolder, entry: Entry) -> None:
        """Give the finished folder its name, once it is on the disk, and record its files."""
        final = self._run.stage(step.name)
        shutil.rmtree(partial.checkpoints, ignore_errors=True)
        files = record(step.stage.settings if step.stage else None, partial)
        make_durable(partial.path)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(final.path)
        partial.path.rename(final.path)
        entry.outputs = sorted(self._run.relative(file) for file in final.path.iterdir())
        entry.files = {self._run.relative(final.path / name): file for name, file in files.items()}


def _write_signature(partial: StageFolder, key: str, made_from: dict[str, str], minutes: float) -> None:
    write_json(partial.signature, {"key": key, "made_from": made_from, "minutes": minutes})
