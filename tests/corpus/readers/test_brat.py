"""brat's standoff files, invented: where codes come from, and what becomes of lines that don't fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents
from scl_rl.corpus.readers.brat import read_brat
from scl_rl.errors import UserError

TEXT = "Pain in the\nleft chest 😀. Known HTN,\r\nasthma."
ANN = """\
T1\tSymptom 0 4;17 22\tPain chest
N1\tReference T1 ICD10:R07.9\tChest pain, unspecified
T2\tDisease {htn}\tHTN
#1\tAnnotatorNotes T2\tI10, i15.9; sure
T3\tDisease {asthma}\tasthma
A1\tCode T3 J45909
T4\tR52 0 4\tPain
T5\tOther 12 16\tleft
R1\tLocation Arg1:T1 Arg2:T5
*\tEquiv T1 T4
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two texts, one in a folder of its own, the second without annotations."""
    htn, asthma = TEXT.index("HTN"), TEXT.index("asthma")
    places = {"htn": f"{htn} {htn + 3}", "asthma": f"{asthma} {asthma + 6}"}
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_bytes(TEXT.encode())
    (tmp_path / "in" / "a.ann").write_text(ANN.format_map(places), encoding="utf-8")
    (tmp_path / "in" / "deep" / "b.txt").write_text("Nothing.")
    return tmp_path / "in"


def codes(folder: Path, **options) -> dict[str, list[list[str]]]:
    document = read_brat(folder, **options).documents[0]
    return {
        a.code: [[document.text[start:end] for start, end in mention] for mention in a.mentions or ()]
        for a in document.annotations
    }


def test_codes_come_from_normalisations_attributes_notes_and_types(folder: Path):
    first, second = read_brat(folder).documents
    assert (first.id, first.text, second.id) == ("a", TEXT, "deep/b")
    assert codes(folder) == {
        "R07.9": [["Pain", "chest"]],
        "I10": [["HTN"]],
        "I15.9": [["HTN"]],
        "J45.909": [["asthma"]],
        "R52": [["Pain"]],
    }
    assert {a.system for a in first.annotations} == {"ICD-10-CM"} and second.annotations is None
    assert read_brat(folder).misfits == []


def test_types_choose_mentions_which_then_need_a_code(folder: Path):
    assert set(codes(folder, types=["Disease"])) == {"I10", "I15.9", "J45.909"}
    with pytest.raises(UserError, match=r"a.ann:8: a mention of this type without a code"):
        read_brat(folder, types=["Other"])


@pytest.mark.parametrize(
    ("line", "told", "repaired"),
    [
        ("T9\tI10 0 4\tHTN", "reference of 3 characters, 4 others at its offsets: kept", ["HTN"]),
        ("T9\tI10 0 900\tHTN", "offsets (0, 900) outside the text of 45 characters", ["HTN"]),
        ("T9\tI10 4 0\tHTN", "offsets (4, 0) outside the text of 45 characters", ["HTN"]),
        ("T9\tI10 0 4\tstroke", "reference of 6 characters, 4 others at its offsets: kept", None),
        ("T9\tI10 0-4\tPain", "is not a mention (T1<TAB>TYPE start end<TAB>words)", None),
        ("T9\tI10 0 4", "is not a mention (T1<TAB>TYPE start end<TAB>words)", None),
        ("T1\tI10 0 4\tPain", "its id is already at", None),
        ("N9\tReference T99 ICD10:I10\tx", "is about a mention that is not there", None),
    ],
)
def test_lines_that_do_not_fit(folder: Path, line: str, told: str, repaired: list[str] | None):
    (folder / "deep" / "b.txt").unlink()
    (folder / "a.ann").write_text(line if line[1] != "1" else f"T1\tR52 0 4\tPain\n{line}", encoding="utf-8")
    if told.endswith("kept"):
        assert told in str(read_brat(folder).misfits[0])
    else:
        with pytest.raises(UserError) as raised:
            read_brat(folder)
        assert told in str(raised.value) and "HTN" not in str(raised.value)
    with pytest.raises(UserError, match=r"a.ann:\d"):
        read_brat(folder, policy="strict")
    dropped = read_brat(folder, policy="drop")
    assert [misfit.done for misfit in dropped.misfits] == ["left out"]
    assert not codes(folder, policy="drop").get("I10")
    found = codes(folder, policy="repair").get("I10") or [None]
    assert found == [repaired]


def test_a_discontinuous_mention_is_repaired_part_by_part(folder: Path):
    (folder / "a.ann").write_text("T1\tR07.9 1 5;16 21\tPain chest", encoding="utf-8")
    assert codes(folder, policy="repair") == {"R07.9": [["Pain", "chest"]]}


def test_the_command(folder: Path, tmp_path: Path):
    out = tmp_path / "out.jsonl"
    args = ["data", "import", "brat", str(folder), "--out", str(out)]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0 and done.output == "2 documents, 5 codes, 5 mentions\n"
    assert [document.id for document in read_documents(out)] == ["a", "deep/b"]
    done = CliRunner().invoke(main, [*args, "--drop", "--repair"])
    assert done.exit_code == 2 and "--drop: can't be used with --repair" in done.output
    (folder / "a.txt").write_bytes(b"\xff")
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2 and "a.txt: not UTF-8 at byte 1" in done.output
    empty = tmp_path / "empty"
    empty.mkdir()
    done = CliRunner().invoke(main, ["data", "import", "brat", str(empty), "--out", str(out)])
    assert done.exit_code == 2 and "has no .txt files" in done.output
