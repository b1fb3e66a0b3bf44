"""The model card of a stage, written from its run's manifest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from ..answer.grammar import Answer, AnswerLine, Quote, render
from ..atomic import writing
from ..errors import Problem, UserError
from ..modeling.load import CARD, ModelCard, is_adapter, read_card
from ..modeling.model_files import ADAPTER_SETTINGS
from ..pages import Asset
from ..recipe.yaml12 import Dumper
from ..runner.folder import DATA, RunFolder
from ..runner.outputs import MODEL_PAGE
from ..stages.contract import MODEL
from .collect import RunRecord, read_run
from .markdown import markdown_table
from .sections import Table

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_EXAMPLE = Answer(
    (
        AnswerLine("I10", ((Quote("HTN"),), (Quote("BP 180/100"),))),
        AnswerLine("R10.9", ((Quote("pain"), Quote("abdominal", 2)),)),
    )
)


def write_model_cards(run: RunRecord) -> None:
    """Write the card of every model of a finished run into its folder, as ``README.md``."""
    for stage in run.stages:
        folder = run.folder.stage(stage).path / MODEL
        if (folder / CARD).exists():
            with writing(folder / MODEL_PAGE) as stream:
                stream.write(_card(run, folder))


def model_card(folder: Path, repository: str, base: str | None = None) -> str:
    """The card of a model folder for the hub, as Markdown with the hub's metadata.

    Args:
        folder: ``runs/NAME/stages/STAGE/model`` of a finished run.
        repository: what the model is called on the hub.
        base: the hub's name of the model that it was trained from, if its card's is none.

    Raises:
        UserError: the folder is not of a finished run.
    """
    folder = folder.resolve()
    read_card(folder)  # says of another folder what it is not
    run, stage = read_run(RunFolder(folder.parents[2])), folder.parent.name
    if stage not in run.stages:
        raise UserError(Problem(str(folder), f"its run has no finished stage '{stage}'"))
    return _card(run, folder, repository, base)


def _card(run: RunRecord, folder: Path, repository: str | None = None, base: str | None = None) -> str:
    card, stage = read_card(folder), folder.parent.name
    entry, versions = run.stages[stage], run.summary["versions"]
    below = base or (card.base if repository else _base_on_disk(folder, card))
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Asset(__package__, "static/model_card.md").text()).render(
        front=_dump(_metadata(run, card, folder, base)),
        name=repository.rpartition("/")[2] if repository else f"{run.manifest.recipe}: {stage}",
        repository=repository,
        here=json.dumps(repository or "."),
        base=json.dumps(below),
        base_is_local=below if is_adapter(folder) and not on_the_hub(below) else None,
        adapter=is_adapter(folder),
        stage=stage,
        kind=entry.kind,
        key=entry.key[:16],
        recipe_name=run.manifest.recipe,
        card=card,
        template=json.dumps(card.template, ensure_ascii=False),
        example=render(_EXAMPLE, card.answer),
        versions=versions,
        data_table=_data(run),
        results=_results(run, stage),
        environment=", ".join(f"{library} {version}" for library, version in versions.items()),
        recipe=_dump({key: value for key, value in run.recipe.items() if key != "data"}),
    )


def _base_on_disk(folder: Path, card: ModelCard) -> str:
    """What loads the weights that an adapter lies on, from its folder."""
    if card.base_folder or not is_adapter(folder):
        return card.base_folder or card.base
    named = json.loads((folder / ADAPTER_SETTINGS).read_text(encoding="utf-8"))["base_model_name_or_path"]
    return str(named or card.base)


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
