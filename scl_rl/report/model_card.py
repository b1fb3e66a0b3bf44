"""The model card of a stage, written from its run's manifest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from ..answer.grammar import Answer, AnswerLine, Quote, render
from ..errors import Problem, UserError
from ..modeling.load import ModelCard, is_adapter, read_card
from ..pages import Asset
from ..recipe.yaml12 import Dumper
from ..runner.folder import DATA, RunFolder
from .collect import RunRecord, read_run
from .sections import Table
from .write import markdown_table

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_EXAMPLE = Answer(
    (
        AnswerLine("I10", ((Quote("HTN"),), (Quote("BP 180/100"),))),
        AnswerLine("R10.9", ((Quote("pain"), Quote("abdominal", 2)),)),
    )
)


def model_card(folder: Path, repository: str, base: str | None = None) -> str:
    """The card of a model folder, as Markdown with the hub's metadata.

    Args:
        folder: ``runs/NAME/stages/STAGE/model`` of a finished run.
        repository: what the model is called on the hub.
        base: the hub's name of the model that it was trained from, if its card's is none.

    Raises:
        UserError: the folder is not of a finished run.
    """
    folder = folder.resolve()
    card, stage = read_card(folder), folder.parent.name
    run = read_run(RunFolder(folder.parents[2]))
    if stage not in run.stages:
        raise UserError(Problem(str(folder), f"its run has no finished stage '{stage}'"))
    entry, name = run.stages[stage], repository.rpartition("/")[2]
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Asset(__package__, "static/model_card.md").text()).render(
        front=_dump(_metadata(run, card, folder, base)),
        name=name,
        repository=repository,
        base=base or card.base,
        adapter=is_adapter(folder),
        stage=stage,
        kind=entry.kind,
        key=entry.key[:16],
        recipe_name=run.manifest.recipe,
        card=card,
        example=render(_EXAMPLE, card.answer),
        versions=run.summary["versions"],
        data_table=_data(run),
        results=_results(run, stage),
        environment=", ".join(f"{library} {version}" for library, version in run.summary["versions"].items()),
        recipe=_dump({key: value for key, value in run.recipe.items() if key != "data"}),
    )


def _metadata(run: RunRecord, card: ModelCard, folder: Path, base: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "library_name": "peft" if is_adapter(folder) else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["scl-rl", "trl", "icd-10", "clinical", "evidence"],
    }
    name = base or card.base
    return {**found, "base_model": name} if on_the_hub(name) else found


def on_the_hub(name: str) -> bool:
    """Whether a model is named as on the hub, and not by a path."""
    return _HUB.fullmatch(name) is not None and not Path(name).exists()


def _dump(value: Any) -> str:
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def _data(run: RunRecord) -> str:
    """Each set by its size and checksum, and nothing of what it holds."""
    counts = run.summary["data"]
    rows = [
        [name, counts.get(name), _sha256(path)]
        for name, path in run.folder.data().items()
        if run.folder.stage(DATA).path in path.parents
    ]
    return "\n".join(markdown_table(Table("", ["set", "records", "SHA-256"], rows)))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _results(run: RunRecord, stage: str) -> str:
    return "\n".join(_result_lines(run, stage))


def _result_lines(run: RunRecord, stage: str) -> Iterator[str]:
    if run.comparison is None:
        yield "The run compares nothing."
        return
    yield f"On {run.comparison['settings']['documents']} documents of the same source:"
    yield ""
    table = run.comparison["table"]
    rows = [row for row in table["rows"] if row[0] == stage] or table["rows"]
    yield from markdown_table(Table("", table["columns"], rows))
    system = next((c["system"] for c in run.comparison["candidates"] if c["name"] == stage), stage)
    for pair in run.comparison["pairs"]:
        if system in (pair["a"], pair["b"]):
            yield ""
            yield f"- {pair['conclusion']}"
