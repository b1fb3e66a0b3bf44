"""Data sets by way of Hugging Face's datasets: files and folders of every kind, and what can't be loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents

datasets = pytest.importorskip("datasets")

ROWS = [
    {"note": "HTN and cough.", "codes": ["I10", "R05.9"], "words": ["HTN", "cough"]},
    {"note": "Asthma.", "codes": ["J45.909"], "words": ["Asthma"]},
]


def imported(tmp_path: Path, name: str, *options: str) -> Result:
    args = ["data", "import", "dataset", name, "--out", str(tmp_path / "out.jsonl"), "--text", "note"]
    return CliRunner().invoke(main, [*args, *options])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The rows in every form."""
    whole = datasets.Dataset.from_list(ROWS)
    whole.to_parquet(str(tmp_path / "rows.parquet"))
    whole.save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"train": whole, "test": whole.select([0])}).save_to_disk(str(tmp_path / "splits"))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "train.jsonl").write_bytes((tmp_path / "rows.jsonl").read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl", "saved", "folder"])
def test_every_form_gives_the_same_documents(made: Path, name: str):
    done = imported(made, str(made / name), "--code", "codes", "--quote", "words")
    assert done.exit_code == 0 and done.output == "2 documents, 3 codes, 3 mentions\n", done.output
    first, second = read_documents(made / "out.jsonl")
    assert {a.code: a.mentions for a in first.annotations} == {"I10": [[(0, 3)]], "R05.9": [[(8, 13)]]}
    assert second.text == "Asthma."


def test_csv_with_a_row_per_mention(made: Path):
    (made / "rows.csv").write_text('id,note,code,s,e\n1,"a ""HTN""",0010,3,6\n1,"a ""HTN""",I10,,\n')
    options = ["--id", "id", "--code", "code", "--start", "s", "--end", "e", "--system", "ICD-9-CM"]
    done = imported(made, str(made / "rows.csv"), *options)
    assert done.exit_code == 0 and done.output == "1 documents, 2 codes, 1 mentions\n", done.output
    (document,) = read_documents(made / "out.jsonl")
    assert [a.code for a in document.annotations] == ["001.0", "I10"]  # zeros are not lost


def test_nothing_of_the_notes_is_left_in_the_users_cache(made: Path, tmp_path: Path, monkeypatch):
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_DATASETS_CACHE", str(cache))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    assert imported(made, str(made / "rows.jsonl")).exit_code == 0
    left = [path for path in cache.rglob("*") if path.is_file() and b"cough" in path.read_bytes()]
    assert left == []


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("splits", [], "--split: "),
        ("splits", ["--split", "dev"], "has no 'dev' (one of train, test)"),
        ("rows.jsonl", ["--code", "code"], "has no column 'code' (did you mean 'codes'?)"),
        ("rows.xml", [], "is of no known kind"),
        ("broken.jsonl", [], "broken.jsonl"),
        ("nobody/nothing", [], "nobody/nothing: can't be loaded"),
    ],
)
def test_what_can_not_be_loaded(made: Path, name: str, options: list[str], expected: str):
    (made / "rows.xml").write_text("<a/>")
    (made / "broken.jsonl").write_text('{"note": "cough"}\n{"note": 5\n')
    os.environ["HF_HUB_OFFLINE"] = "1"
    done = imported(made, name if "/" in name else str(made / name), *options)
    assert done.exit_code == 2 and expected in done.output, done.output
    assert "Traceback" not in done.output and "cough" not in done.output


def test_json_that_is_no_table_of_objects_is_refused_with_its_line(made: Path):
    """Arrow's reader takes the process down at ``null``."""
    (made / "null.jsonl").write_text('{"note": "cough"}\nnull\n')
    done = imported(made, str(made / "null.jsonl"))
    assert done.exit_code == 2 and "null.jsonl:2: expected a JSON object" in done.output
    (made / "folder" / "test.jsonl").write_text("null\n")
    assert imported(made, str(made / "folder")).exit_code == 2


def test_json_may_be_one_list_and_text_stays_text(made: Path):
    rows = [{"note": "2026-11-28", "codes": ["I10"]}]
    (made / "list.json").write_text(json.dumps(rows))
    assert imported(made, str(made / "list.json"), "--code", "codes").exit_code == 0
    (document,) = read_documents(made / "out.jsonl")
    assert document.text == "2026-11-28"
