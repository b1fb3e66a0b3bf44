"""What a run's folder holds, read for its report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import AwareDatetime, BaseModel, ValidationError

from ..corpus.jsonl import read_documents, read_predictions, whole_lines
from ..corpus.types import Document
from ..errors import Problem, UserError
from ..metrics.judged import Judged, judged
from ..recipe.yaml12 import Loader
from ..runner.folder import DATA, RunFolder
from ..runner.manifest import Entry, Manifest
from ..runner.outputs import change, without_model

_COMPARISON, _PREDICTIONS, _MONITOR = "comparison.json", "predictions.jsonl", "monitor.jsonl"


@dataclass(frozen=True)
class Model:
    """A candidate of the comparison with its predictions, judged."""

    name: str
    judged: list[Judged]


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Attributes:
        recipe: the recipe as it was run, plain values.
        base: where its relative paths start.
        summary: ``summary.json``.
        comparison: the last comparison; None without one.
        documents: those that the comparison is about.
        models: its candidates, in its order.
    """

    folder: RunFolder
    manifest: Manifest
    recipe: dict[str, Any]
    base: Path
    summary: dict[str, Any]
    comparison: dict[str, Any] | None
    documents: list[Document]
    models: list[Model]

    @property
    def stages(self) -> dict[str, Entry]:
        """The stages of the run in their order, the data step first; not what an older recipe left."""
        return {name: self.manifest.stages[name] for name in (DATA, *self.summary["stages"])}

    def settings(self, stage: str) -> dict[str, Any]:
        """What the recipe says of a stage; one per parent or per seed has the name of its own after a dot."""
        return _settings(self.recipe, stage)

    def steps(self, stage: str) -> list[dict[str, Any]]:
        """What a stage logged, one object per step."""
        return whole_lines(self.folder.stage(stage).path / _MONITOR)


def read_run(folder: RunFolder) -> RunRecord:
    """Read a run.

    Raises:
        UserError: the folder holds no finished run, or a file of it is damaged.
    """
    if not folder.summary.exists():
        what = "no finished run: it has no summary.json"
        raise UserError(
            Problem(str(folder), what, "name a folder such as runs/quickstart, or finish its run")
        )
    manifest = Manifest.read(folder)
    recipe = _checked(folder.recipe, _yaml(folder.recipe), _Recipe)
    summary = _checked(folder.summary, _json(folder.summary), _Summary)
    _check_outputs(folder, manifest)
    source = Path(manifest.source)
    comparison, documents, models = None, list[Document](), list[Model]()
    compared = [name for name, stage in summary["stages"].items() if stage["kind"] == "compare"]
    if compared:
        comparison = _json(folder.stage(compared[-1]).path / _COMPARISON)
        split = _settings(recipe, compared[-1]).get("split", "test")
        if split not in folder.data():
            raise UserError(Problem(str(folder), f"its data has no {split} any more", "run the recipe again"))
        documents = read_documents(folder.data()[split])
        models = list(_models(folder, manifest, compared[-1], comparison, documents))
    base = source.parent if source.is_file() else Path.cwd()
    return RunRecord(folder, manifest, recipe, base, summary, comparison, documents, models)


def _models(
    folder: RunFolder, manifest: Manifest, stage: str, comparison: dict[str, Any], documents: list[Document]
) -> Iterator[Model]:
    """Each candidate's predictions: the comparison was made from evaluations, these from predictions."""
    evaluations = list(manifest.stages[stage].made_from)
    candidates = [candidate["name"] for candidate in comparison["candidates"]]
    if len(evaluations) != len(candidates):
        return  # one of them took the place of another of the same name
    for name, evaluation in zip(candidates, evaluations, strict=True):
        (predicted,) = manifest.stages[evaluation].made_from
        file = folder.stage(predicted).path / _PREDICTIONS
        yield Model(name, list(judged(documents, read_predictions(file, documents))))


def _settings(recipe: dict[str, Any], stage: str) -> dict[str, Any]:
    written: dict[str, Any] = recipe.get("stages", {})
    written = written if isinstance(written, dict) else {}
    named = [name for name in written if stage == name or stage.startswith(f"{name}.")]
    found = written[max(named, key=len)] if named else {}
    return found if isinstance(found, dict) else {}


class _Model(BaseModel):
    name: str | None = None


class _Recipe(BaseModel):
    """What the report reads of ``recipe.resolved.yaml`` in fixed places."""

    model: _Model = _Model()


class _StageSummary(BaseModel):
    kind: str
    minutes: float
    figures: dict[str, Any]


class _Hardware(BaseModel):
    cpu: str
    cores: int
    memory_gb: float | None
    gpu: str | None


class _Summary(BaseModel):
    """What the report reads of ``summary.json``."""

    recipe: str
    seed: int
    finished: AwareDatetime
    hardware: _Hardware
    versions: dict[str, str]
    data: dict[str, int]
    stages: dict[str, _StageSummary]


def _checked(path: Path, value: dict[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    """The value as it is, if it has what is read of it."""
    try:
        kind.model_validate(value)
    except ValidationError as error:
        at = ".".join(map(str, error.errors()[0]["loc"]))
        raise _damaged(path, f"'{at}'") from None
    return value


def _check_outputs(folder: RunFolder, manifest: Manifest) -> None:
    """Refuse what is no longer as its stage left it; what is gone is told where it is missed."""
    for name in manifest.stages:
        stage, files = folder.stage(name), manifest.files(name, folder)
        there = {file: kept for file, kept in files.items() if (stage.path / file).exists()}
        if changed := change(without_model(there), stage):
            raise UserError(Problem(str(stage.path), changed, "run the recipe again"))


def _damaged(path: Path, what: str) -> UserError:
    return UserError(Problem(str(path), f"is damaged: {what}", "run the recipe again"))


def _yaml(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        value = Loader(text).get_single_data()
    except (yaml.YAMLError, RecursionError):
        raise _damaged(path, "not YAML") from None
    return value if isinstance(value, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _damaged(path, "not a JSON object")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(Problem(str(path), f"can't be read: {error}")) from None
