"""Data sources: ours, and one that comes in from outside the package."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from scl_rl.corpus.readers.codiesp import article_id
from scl_rl.corpus.records import sample_records
from scl_rl.corpus.sources import data_sources, registry
from scl_rl.corpus.sources.codiesp import CodiespSource
from scl_rl.corpus.sources.files import FilesSource
from scl_rl.errors import UserError
from scl_rl.recipe.load import load_recipe

PLUGIN = '''
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from scl_rl.corpus.sources import DataSource, Sets
from scl_rl.corpus.types import Annotation, Document
from scl_rl.errors import Problem


class WardSource(DataSource):
    """Notes from a ward's text files, a line each."""

    source: Literal["ward"] = "ward"
    notes: Path
    code: str = "I10"

    def provides(self):
        return {"annotated", "test"}

    def missing(self):
        yield from super().missing()
        if self.notes.suffix != ".txt":
            yield Problem("", "is not a text file", "name a .txt file", at=("notes",))

    def load(self):
        lines = self.notes.read_text().splitlines()
        annotation = Annotation(code=self.code, mentions=None)
        documents = [Document(id=f"w{n}", text=t, annotations=[annotation]) for n, t in enumerate(lines)]
        return Sets(annotated=documents[:-1], test=documents[-1:])


class Broken(WardSource):
    source: Literal["other"] = "other"


class Empty(DataSource):
    source: Literal["empty"] = "empty"


THING = 5
'''
RECIPE = """\
model: smollm2-135m
data: {source: ward, notes: notes.txt}
stages:
  dictionary: {kind: dictionary}
  evaluate: {kind: evaluate, from: dictionary}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A source from outside the package, named in the entry-point group as an installed one would be."""
    (tmp_path / "ward_source.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    ours = registry.entry_points

    def install(name: str = "ward", value: str = "ward_source:WardSource") -> None:
        point = EntryPoint(name, value, registry.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda group: [*ours(group=group), point])
        data_sources.cache_clear()

    install()
    (tmp_path / "install").mkdir()
    yield tmp_path
    monkeypatch.undo()
    data_sources.cache_clear()
    sys.modules.pop("ward_source", None)


def test_a_source_from_outside_comes_in_by_the_same_door(plugin: Path) -> None:
    assert list(data_sources()) == ["synthetic", "codiesp", "files", "ward"]
    (plugin / "notes.txt").write_text("He has HTN.\nShe has HTN.\nHTN again.\n")
    (plugin / "r.yaml").write_text(RECIPE)
    recipe = load_recipe(plugin / "r.yaml")
    sample = recipe.data.sample()
    assert sample.counts == {"annotated": 2, "spans": 0, "code_only": 0, "dev": 0, "test": 1}
    assert [document.text for document in sample.documents("test")] == ["HTN again."]
    assert list(recipe.data.input_hashes()) == ["notes"]
    assert recipe.data.prepare(plugin / "out") == {"annotated": 2, "test": 1}
    assert json.loads((plugin / "out/test.jsonl").read_text())["id"] == "w2"


def test_a_source_from_outside_has_its_settings_checked_like_ours(plugin: Path) -> None:
    (plugin / "r.yaml").write_text(RECIPE)
    with pytest.raises(UserError) as caught:
        load_recipe(plugin / "r.yaml", ["data.notes=no.csv", "data.cod=x"])
    assert "--set data.cod=x: at data.cod: unknown setting (did you mean 'code'?)" in str(caught.value)
    with pytest.raises(UserError) as caught:
        load_recipe(plugin / "r.yaml", ["data.notes=r.yaml"])
    where = "--set data.notes=r.yaml: at data.notes"
    assert f"{where}: is not a text file (name a .txt file)" in str(caught.value)
    (plugin / "notes.txt").touch()
    with pytest.raises(UserError, match=r"at stages\.dictionary: the data source gives no 'dev', which"):
        load_recipe(plugin / "r.yaml", ["dictionary.split=dev"])


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("ward", "ward_source:THING", "is not a class derived from scl_rl.corpus.sources.DataSource"),
        ("wrong", "ward_source:Broken", 'has no field source: Literal["wrong"] = "wrong"'),
        ("empty", "ward_source:Empty", "does not define provides()"),
        (
            "gone",
            "no_such_module:X",
            "can't be loaded: ModuleNotFoundError: No module named",
        ),
    ],
)
def test_a_source_that_breaks_the_contract_is_named(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str
) -> None:
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [EntryPoint(name, value, registry.GROUP)] if group else []
    )
    data_sources.cache_clear()
    with pytest.raises(UserError) as caught:
        data_sources()
    assert f"data source '{name}' ({value}): {what}" in str(caught.value)


def test_some_records_are_all_of_them_or_drawn_or_spaced() -> None:
    records = list("abcdefghij")
    assert (
        sample_records(records, None) == sample_records(records, 10) == sample_records(records, 99) == records
    )
    assert sample_records(records, 4) == ["a", "c", "f", "h"]
    assert sample_records(records, 0) == []
    drawn = sample_records(records, 4, random.Random(5))
    assert drawn == random.Random(5).sample(records, 4) and len(set(drawn)) == 4


def test_files_are_checked_and_copied(tmp_path: Path) -> None:
    good = '{"id": "a", "text": "HTN", "annotations": [{"code": "I10", "mentions": [[[0, 3]]]}], "ward": 7}\n'
    (tmp_path / "good.jsonl").write_text(good)
    (tmp_path / "bare.jsonl").write_text('{"id": "a", "text": "HTN"}\n')
    (tmp_path / "bad.jsonl").write_text(good + '{"id": "b"}\n')
    counts = FilesSource(test=tmp_path / "good.jsonl").prepare(tmp_path / "out")
    assert counts == {"test": 1}
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["test.jsonl"]
    assert (tmp_path / "out/test.jsonl").read_text() == good
    with pytest.raises(UserError) as caught:
        FilesSource(test=tmp_path / "bad.jsonl", dev=tmp_path / "bare.jsonl").prepare(tmp_path / "out")
    lines = [str(problem) for problem in caught.value.problems]
    assert any("bare.jsonl:1: document 'a' has no annotations" in line for line in lines)
    assert any("bad.jsonl:2" in line for line in lines)


@pytest.mark.codiesp
def test_codiesp_shares_no_article_between_training_and_test(codiesp_dir: Path) -> None:
    settings = CodiespSource(path=codiesp_dir, documents=100, dev=30, test=60, seed=1)
    sets = settings.load()
    assert [len(part) for part in (sets.annotated, sets.dev, sets.test)] == [100, 30, 60]
    articles = [{article_id(d.id) for d in part} for part in (sets.annotated, sets.dev, sets.test)]
    assert not articles[0] & articles[1] and not articles[0] & articles[2] and not articles[1] & articles[2]
    assert settings.load() == sets
    more = settings.model_copy(update={"documents": 200}).load()
    assert more.spans == sets.spans and more.dev == sets.dev and more.test == sets.test
    kept = CodiespSource(path=codiesp_dir, dev=0, drop_shared_articles=False).load()
    assert len(kept.annotated) == 500 and len(kept.test) == 250 and not kept.dev
    with pytest.raises(UserError, match=r"data\.documents: asks for 900 documents, there are \d+"):
        CodiespSource(path=codiesp_dir, documents=900).load()
