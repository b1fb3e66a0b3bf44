"""``scl-rl data stats``: figures worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.survey.stats import stats_of_files

from ..support.tiny import make_tiny_model
from .test_check import document, write

TRAIN = (
    document("a", [("I10", [[[0, 3]], [[8, 11]]])], "HTN and htn."),
    document("b", [("I10", [[[0, 3]]]), ("R05.9", [[[4, 9], [14, 17]]])], "HTN cough and dry."),
    document("c", [("I10", None)], "Nothing."),
    {"id": "d", "text": "Unlabelled."},
)
DEV = (document("e", [("I15.9", [[[0, 3]]]), ("I10", [[[4, 8]]])], "HTN high"),)


def test_figures_of_documents(tmp_path: Path):
    train, dev = write(tmp_path / "train.jsonl", *TRAIN), write(tmp_path / "dev.jsonl", *DEV)
    found = stats_of_files([train, dev], len)["files"]
    first, second = found[str(train)], found[str(dev)]
    assert first["records"] == {"annotated": 2, "code_only": 1, "unlabelled": 1}
    assert first["characters"] == {"mean": 12.25, "median": 11, "p90": 18, "max": 18, "total": 49}
    assert first["tokens"] == first["characters"]
    assert first["codes"]["distinct"] == 2 and first["codes"]["annotations"] == 4
    assert first["codes"]["by_frequency"][:2] == [
        {"from": 1, "to": 1, "codes": 1, "share_of_annotations": 0.25},
        {"from": 2, "to": 5, "codes": 1, "share_of_annotations": 0.75},
    ]
    assert first["mentions"]["number"] == 4 and first["mentions"]["discontinuous"] == 1
    assert first["mentions"]["recurring"] == 2 / 3  # "HTN" and "htn" in a, not in b
    assert first["wordings"]["distinct"] == 2 and first["wordings"]["best_guess"] == 1
    assert second["wordings"]["distinct"] == 2
    assert second["unseen"] == {
        "codes": 1,
        "share_of_codes": 0.5,
        "share_of_annotations": 0.5,
        "share_of_mentions_in_unseen_words": 0.5,
    }


def test_wordings_of_several_codes(tmp_path: Path):
    spans = [("HTN", "I10"), ("htn", "I10"), ("HTN", "I15.9"), ("cough", "R05.9")]
    path = write(tmp_path / "spans.jsonl", *({"text": text, "code": code} for text, code in spans))
    figures = stats_of_files([path])["files"][str(path)]
    assert figures["records"] == {"spans": 4} and "tokens" not in figures
    assert figures["wordings"] == {
        "distinct": 2,
        "of_several_codes": 0.5,
        "uses_of_several_codes": 0.75,
        "best_guess": 0.75,
    }


def test_the_command_prints_a_column_for_each_file(tmp_path: Path):
    train, dev = write(tmp_path / "train.jsonl", *TRAIN), write(tmp_path / "dev.jsonl", *DEV)
    model = make_tiny_model(tmp_path / "model")
    args = ["data", "stats", str(train), str(dev), "--model", str(model)]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    lines = {line[:50].strip(): line[50:].split() for line in done.output.splitlines()}
    assert next(cells for name, cells in lines.items() if name.startswith("codes that occur once")) == [
        "1",
        "2",
    ]
    assert any(name.startswith("tokens: total") for name in lines) and "cough" not in done.output
    figures = json.loads(CliRunner().invoke(main, [*args, "--json"]).stdout)["files"]
    assert figures[str(train)]["tokens"]["total"] > 0


def test_malformed_lines_are_refused(tmp_path: Path):
    path = write(tmp_path / "train.jsonl", TRAIN[0], "{")
    done = CliRunner().invoke(main, ["data", "stats", str(path)])
    assert done.exit_code == 2 and f"{path}:2: not JSON" in done.output
    model = CliRunner().invoke(main, ["data", "stats", str(path), "--model", str(tmp_path)])
    assert model.exit_code == 2, model.output
