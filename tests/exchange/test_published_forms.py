"""CodiEsp's and MDACE's own files: what is written reads back the same, and as their scorers read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents, write_jsonl
from scl_rl.corpus.readers.codiesp import read_codiesp

from ..support import FIXTURES


def run(*args: object) -> str:
    done = CliRunner().invoke(main, ["data", *map(str, args)])
    assert done.exit_code == 0, done.output
    return done.output


def there_and_back(source: Path, folder: Path) -> None:
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    run("import", "codiesp", source, "--kinds", "both", "--out", first)
    run("export", "codiesp", first, "--out", folder / source.name)
    run("import", "codiesp", folder / source.name, "--kinds", "both", "--out", second, "--strict")
    assert second.read_bytes() == first.read_bytes()


def test_codiesp_reads_back_the_same(tmp_path: Path):
    documents = read_codiesp(FIXTURES / "codiesp" / "train", "both").documents
    for document in documents:  # a code without evidence has no row in the table
        document.annotations = [a for a in document.annotations or () if a.mentions]
    write_jsonl(tmp_path / "first.jsonl", documents)
    run("export", "codiesp", tmp_path / "first.jsonl", "--out", tmp_path / "train")
    again = read_codiesp(tmp_path / "train", "both", "strict").documents
    assert again == documents
    rows = (tmp_path / "train" / "trainP.tsv").read_text()
    assert rows == f"{documents[0].id}\tbw03zzz\n"


@pytest.mark.codiesp
@pytest.mark.parametrize("split", ["train", "dev"])
def test_the_real_codiesp_reads_back_the_same(codiesp_dir: Path, tmp_path: Path, split: str):
    there_and_back(codiesp_dir / split, tmp_path)


PREDICTIONS = [
    {
        "id": "1-11",
        "codes": [
            {"code": "I10", "mentions": [{"quotes": ["HTN"], "fragments": [[0, 3]]}]},
            {
                "code": "0FT44ZZ",
                "mentions": [
                    {"quotes": ["a", "b"], "fragments": [[4, 7], [8, 13]]},
                    {"quotes": ["nowhere"], "fragments": None},
                ],
            },
            {"code": "R52", "mentions": [{"quotes": ["nowhere"], "fragments": None}]},
        ],
    }
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    gold = [{"code": "R05.9", "system": "ICD-10-CM", "mentions": [[[8, 10], [11, 13]], [[8, 13]]]}]
    one = {"id": "1-11", "text": "HTN and cough.", "annotations": gold, "category": "Radiology"}
    other = {"id": "1-12", "text": "None.", "annotations": [{"code": "I10", "mentions": None}]}
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(d) + "\n" for d in (one, other)))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(p) + "\n" for p in PREDICTIONS))
    return tmp_path


def test_predictions_for_the_scorer_of_codiesp(files: Path):
    args = ("export", "codiesp", files / "d.jsonl", "--predictions", files / "p.jsonl")
    assert "left out: 1 codes without evidence" in run(*args, "--out", files / "out.tsv")
    assert (files / "out.tsv").read_text().splitlines() == [
        "1-11\t0 3\tDIAGNOSTICO\ti10",
        "1-11\t4 13\tPROCEDIMIENTO\t0ft44zz",
    ]


def test_the_files_of_mdace(files: Path):
    run("export", "mdace", files / "d.jsonl", "--out", files / "gold")
    (file,) = (files / "gold").iterdir()
    admission = json.loads(file.read_text())
    assert file.name == "1-ICD-10.json" and admission["hadm_id"] == 1
    assert [(note["note_id"], note["category"]) for note in admission["notes"]] == [
        (11, "Radiology"),
        (12, "Discharge summary"),
    ]
    assert admission["notes"][0]["annotations"][0] == {
        "begin": 8,
        "end": 13,
        "code": "R05.9",
        "code_system": "ICD-10-CM",
        "description": "Cough, unspecified",
        "type": "Human",
    }
    run(
        "export", "mdace", files / "d.jsonl", "--predictions", files / "p.jsonl", "--out", files / "predicted"
    )
    (file,) = (files / "predicted").iterdir()
    first, second = json.loads(file.read_text())["notes"]
    found = [(a["begin"], a["end"], a["code"], a["code_system"], a["type"]) for a in first["annotations"]]
    assert found == [
        (0, 3, "I10", "ICD-10-CM", "scl-rl"),
        (4, 13, "0FT44ZZ", "ICD-10-PCS", "scl-rl"),
    ]
    assert second["annotations"] == []


def test_mdace_reads_back_the_same(files: Path):
    text = "HTN and cough."
    (files / "n.csv").write_text(f'ROW_ID,TEXT\n11,"{text}"\n12,None.\n')
    run("export", "mdace", files / "d.jsonl", "--out", files / "gold")
    run("import", "mdace", files / "gold", "--noteevents", files / "n.csv", "--out", files / "again.jsonl")
    first, second = read_documents(files / "again.jsonl")
    assert [(a.code, a.mentions) for a in first.annotations] == [("R05.9", [[(8, 13)]])]
    assert (first.category, second.annotations) == ("Radiology", [])


@pytest.mark.parametrize(
    ("form", "name", "expected"),
    [("mdace", "x", "id 'x' is not <admission>-<note>"), ("codiesp", "a/b", "id 'a/b' can't be the name")],
)
def test_ids_that_can_not_be_written(tmp_path: Path, form: str, name: str, expected: str):
    (tmp_path / "d.jsonl").write_text(json.dumps({"id": name, "text": "x"}) + "\n")
    args = ["data", "export", form, str(tmp_path / "d.jsonl"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2 and f"d.jsonl:1: {expected}" in done.output
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(main, [*args[:-1], str(tmp_path)])
    assert done.exit_code == 2 and "is there already" in done.output
