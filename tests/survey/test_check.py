"""``scl-rl data check``: each kind of mistake is found, named with its line, and counted; nothing else is."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scl_rl.cli.main import main
from scl_rl.survey.check import check_files
from scl_rl.survey.findings import KINDS
from scl_rl.survey.similar import Sketches, sketch

TEXT = "He has chest pain and asthma."
PAIN, ASTHMA = [TEXT.index("chest"), TEXT.index(" and")], [TEXT.index("asthma"), len(TEXT) - 1]


def document(name: str, annotations: Any = (), text: str = TEXT, **more: Any) -> dict[str, Any]:
    noted = [{"code": code, "mentions": mentions} for code, mentions in annotations]
    return {"id": name, "text": text, "annotations": noted, **more}


def write(path: Path, *records: Any) -> Path:
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def found(*paths: Path, **options: Any) -> dict[str, list[tuple[str, int]]]:
    """Kind → places and numbers."""
    from scl_rl.icd.files import code_systems

    by_kind: dict[str, list[tuple[str, int]]] = {}
    for finding in check_files(paths, code_systems({}), **options).findings:
        where = re.sub(r".*/", "", finding.problem.where)
        by_kind.setdefault(finding.kind, []).append((where, finding.times))
    return by_kind


def test_good_files_have_no_findings(tmp_path: Path):
    one = write(tmp_path / "one.jsonl", document("a", [("R07.9", [[PAIN]]), ("J45.909", [[ASTHMA]])]))
    two = write(tmp_path / "two.jsonl", document("b", [("I10", None)], "Known hypertension."))
    spans = write(tmp_path / "spans.jsonl", {"text": "HTN", "code": "I10"})
    assert found(one, two, spans) == {}


def test_all_mistakes_of_all_files_are_found_at_once(tmp_path: Path):
    one = write(
        tmp_path / "one.jsonl",
        document("a", [("R07.9", [[[0, 99]]])]),
        "{",
        document("c", text=" \n"),
        document("d", [("R07.9", None), ("R07.9", [[PAIN]])]),
        document("e", text="Another note."),
        document("f", text="Another  NOTE."),
    )
    two = write(
        tmp_path / "two.jsonl",
        document("d", text="A third."),
        document("g", [("I10", None)], "Another note."),
    )
    assert found(one, two) == {
        "malformed": [("one.jsonl:1", 1), ("one.jsonl:2", 1)],
        "empty-text": [("one.jsonl:3", 1)],
        "same-id": [("two.jsonl:1", 1)],
        "same-text": [("two.jsonl:2", 1)],
        "contradiction": [("one.jsonl:4", 1), ("two.jsonl:2", 1)],
        "repeated-text": [("one.jsonl:6", 1)],
    }


def test_odd_codes_are_told_once_with_their_number(tmp_path: Path):
    codes = ["E11.99", "R05", "E11", "W19.XXX", "e119"]
    one = write(
        tmp_path / "one.jsonl",
        *(document(f"{n}{code}", [(code, None)], f"Note {n} {code}.") for n in "abc" for code in codes),
    )
    assert found(one) == {
        "unknown-code": [("one.jsonl:1", 3)],
        "retired-code": [("one.jsonl:2", 3)],
        "not-billable": [("one.jsonl:3", 3)],
        "no-seventh": [("one.jsonl:4", 3)],
        "spelling": [("one.jsonl:5", 3)],
    }
    other = [{"code": code, "system": "ICD-10-PCS", "mentions": None} for code in ("0FT44ZZ", "BW24ZZZ")]
    two = write(tmp_path / "two.jsonl", {"id": "x", "text": "Scan.", "annotations": other})
    assert found(two) == {"unchecked-system": [("two.jsonl:1", 2)]}


def test_odd_mentions(tmp_path: Path):
    one = write(
        tmp_path / "one.jsonl",
        document("a", [("R07.9", [[PAIN], [PAIN]])]),
        document("b", [("R07.9", [[[PAIN[0], PAIN[1] - 2]]])], TEXT + " b"),
        document("c", [("R07.9", [[[6, 7]]])], TEXT + " c"),
        document("d", [("R07.9", [[[7, 12], [10, 17]]])], TEXT + " d"),
        document("e", [("E10.9", [[ASTHMA]]), ("E11.9", [[PAIN]])], TEXT + " e"),
    )
    assert found(one) == {
        "repeated-mention": [("one.jsonl:1", 1)],
        "inside-word": [("one.jsonl:2", 1), ("one.jsonl:4", 1)],
        "blank-mention": [("one.jsonl:3", 1)],
        "overlap": [("one.jsonl:4", 1)],
        "excludes1": [("one.jsonl:5", 1)],
    }


def test_groups_and_similar_texts_straddle_files(tmp_path: Path):
    rng = random.Random(0)
    words = [rng.choice("abcdefghij") * rng.randint(1, 9) + str(rng.randint(0, 99)) for _ in range(400)]
    changed = [*words[:200], "changed", *words[201:]]
    one = write(tmp_path / "one.jsonl", document("p1-1", text=" ".join(words)), document("p2-1", group="x"))
    two = write(
        tmp_path / "two.jsonl",
        document("p1-2", text=" ".join(changed)),
        document("p1-3", text="And more.", group="x"),
        document("p3-1", text=" ".join(reversed(words))),
    )
    assert found(one, two) == {"similar-text": [("two.jsonl:1", 1)], "same-group": [("two.jsonl:2", 1)]}
    assert found(one, two, group=re.compile(r"^(.*)-\d+$"), similar=2)["same-group"] == [("two.jsonl:1", 1)]


def test_the_sketch_estimates_the_share_of_common_runs():
    words = [f"w{n}" for n in range(1000)]
    texts = [" ".join(words[start : start + 500]) for start in (0, 25, 400)]
    sketches = Sketches()
    for number, text in enumerate([*texts, "too few words"]):
        sketches.add(text, group=number, name=10 + number)
    pairs = list(sketches.similar(0.5))
    assert [(first, second) for first, second, _ in pairs] == [(10, 11)]
    assert pairs[0][2] == pytest.approx(471 / 521, abs=0.12)  # 496 runs each, 471 in both
    assert sketch("too few words") is None


def test_of_many_similar_texts_the_most_similar_is_named_and_of_one_file_none():
    words = [f"w{n}" for n in range(300)]
    sketches = Sketches()
    for number in range(150):  # more than a text is compared with in a band
        sketches.add(" ".join([f"own{number}"] * 30 + words), group=0, name=number)
    assert list(sketches.similar(0.5)) == []
    sketches.add(" ".join(words), group=1, name=998)
    sketches.add(" ".join(["own7"] * 30 + words), group=1, name=999)
    (whole, first, share), (own, second, same) = sketches.similar(0.5)
    assert (first, second) == (998, 999) and whole < 150 and own < 150
    assert 0.8 < share <= same


def test_what_is_kept_of_documents_and_spans_is_small(tmp_path: Path):
    """Without the sketches: 3,000 more documents of 2,000 characters, whose ids have 200."""
    filler = "abc " * 500

    def peak(number: int) -> int:
        names = (f"{n}" + "i" * 200 for n in range(number))
        one = write(tmp_path / "one.jsonl", *(document(f"{n}", (), f"{n} {filler}") for n in names))
        tracemalloc.start()
        try:
            assert found(one) == {}
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is made once
    assert (peak(4_000) - peak(1_000)) / 3_000 < 150


def test_spans(tmp_path: Path):
    spans = write(
        tmp_path / "spans.jsonl",
        {"text": "HTN", "code": "I10"},
        {"text": "htn ", "code": "I10"},
        {"text": "HTN", "code": "I15.9"},
    )
    assert found(spans) == {
        "repeated-span": [("spans.jsonl:2", 1)],
        "several-codes": [("spans.jsonl:3", 1)],
    }


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["data", "check", *map(str, arguments)])


def test_the_command_shows_findings_and_fails_for_errors_alone(tmp_path: Path):
    one = write(tmp_path / "one.jsonl", document("a", [("R05", [[PAIN]])]))
    done = run(one)
    assert done.exit_code == 0, done.output
    assert f"warning: {one}:1: code R05 is no longer billable in ICD-10-CM (such as R05.1" in done.output
    assert run(one, "--ignore", "retired-code").output.endswith("nothing found\n")
    empty = write(tmp_path / "two.jsonl", *(document(str(n), text="") for n in range(12)))
    done = run(one, empty)
    assert done.exit_code == 1
    assert done.output.count("has no text") == 10
    assert "and 2 more of the kind empty-text" in done.output
    assert run(one, empty, "--all").output.count("has no text") == 12
    done = run(one, empty, "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 1 and not report["passed"]
    assert report["counts"] == {"empty-text": 12, "retired-code": 1}
    assert set(report["counts"]) <= set(KINDS) and "chest" not in done.output


def test_the_command_takes_codes_of_other_systems(tmp_path: Path):
    codes = tmp_path / "pcs.txt"
    codes.write_text("0FT44ZZ Resection of Gallbladder, Percutaneous Endoscopic Approach\n")
    annotations = [{"code": c, "system": "ICD-10-PCS", "mentions": None} for c in ("0FT44ZZ", "0FT4", "9")]
    one = write(tmp_path / "one.jsonl", {"id": "x", "text": "Scan.", "annotations": annotations})
    done = run(one, "--code-set", f"icd10pcs={codes}", "--json")
    assert json.loads(done.stdout)["counts"] == {"not-billable": 1, "unknown-code": 1}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--ignore", "retired"], "--ignore: no kind 'retired' (did you mean 'retired-code'?)"),
        (["--group", "("], "--group: is no regular expression"),
        (["--code-set", "ICD-10-PCS"], "--code-set: 'ICD-10-PCS' is not SYSTEM=FILE"),
        (["--code-set", "ICD-10-PCS=none.txt"], "none.txt: can't be read: No such file"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: list[str], expected: str):
    done = run(write(tmp_path / "one.jsonl", document("a")), *options)
    assert done.exit_code == 2 and expected in done.output


@pytest.mark.codiesp
def test_codiesp_has_articles_in_both_splits(codiesp_dir: Path, tmp_path: Path):
    paths = [tmp_path / "train.jsonl", tmp_path / "dev.jsonl"]
    for path in paths:
        args = ["data", "import", "codiesp", str(codiesp_dir / path.stem), "--out", str(path)]
        assert CliRunner().invoke(main, [*args, "--kinds", "both"]).exit_code == 0
    kinds = found(*paths, group=re.compile(r"^(.*)-\d+$"))
    assert len(kinds["same-group"]) == 15
    assert {"unknown-code", "retired-code", "no-seventh"} <= kinds.keys()
    assert not {"malformed", "same-text", "similar-text", "contradiction"} & kinds.keys()
