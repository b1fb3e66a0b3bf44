"""Output paths: no input is written over, nothing is replaced that is no file, a corpus appears whole."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scl_rl.atomic import write_json, writing
from scl_rl.cli.main import main
from scl_rl.errors import UserError
from scl_rl.output_files import check_outputs, new_corpus

NOTE = {"id": "a", "text": "Has HTN.", "annotations": [{"code": "I10", "mentions": [[[4, 7]]]}]}
MAKE = ["--codes", "4", "--documents", "3", "--spans", "3", "--code-only", "0", "--test", "2"]


def call(*args: str) -> Result:
    """A command, called as a user calls it."""
    return CliRunner().invoke(main, args)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with documents, made the current one."""
    monkeypatch.chdir(tmp_path)
    Path("d.jsonl").write_text(json.dumps(NOTE) + "\n")
    Path("model").mkdir()
    Path("model/model.safetensors").touch()
    return tmp_path


def names(folder: str) -> list[str]:
    """What is in a folder."""
    return sorted(file.name for file in Path(folder).iterdir())


def refused(outputs: dict[str, str], *inputs: str) -> list[str]:
    """What is said of outputs."""
    with pytest.raises(UserError) as caught:
        check_outputs({name: Path(path) for name, path in outputs.items()}, map(Path, inputs))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("way", ["same", "dotted", "absolute", "symlink", "hard link", "linked folder"])
def test_an_output_that_is_an_input_is_refused_by_any_path(place: Path, way: str) -> None:
    Path("soft").symlink_to("d.jsonl")
    os.link("d.jsonl", "hard")
    Path("folder").symlink_to(".")
    path = {
        "same": "d.jsonl",
        "dotted": "./model/../d.jsonl",
        "absolute": str(place / "d.jsonl"),
        "symlink": "soft",
        "hard link": "hard",
        "linked folder": "folder/d.jsonl",
    }[way]
    assert refused({"--out": path}, "d.jsonl") == [
        f"--out: {Path(path)} is an input, d.jsonl; it would be lost (name another file)"
    ]


def test_an_output_inside_of_an_input_folder_is_refused(place: Path) -> None:
    assert "is an input, model;" in refused({"--out": "model/model.safetensors"}, "model")[0]


def test_two_outputs_are_two_files(place: Path) -> None:
    both = {"--out": "x", "--spans": "./x"}
    assert refused(both) == ["--spans: x is the file of --out too (name another file)"]
    check_outputs({"--out": Path("/dev/null"), "--spans": Path("/dev/null")}, [Path("/dev/null")])


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("no/x", "there is no folder {}/no"),
        ("model", "it is a folder"),
        ("d.jsonl/x", "Not a directory"),
    ],
)
def test_outputs_are_tried_before_the_work(place: Path, path: str, why: str) -> None:
    assert refused({"--out": path}) == [f"--out: {path} can't be written: {why.format(place)}"]
    assert sorted(file.name for file in place.iterdir()) == ["d.jsonl", "model"]


def test_the_path_in_a_message_is_no_longer_than_a_line(place: Path) -> None:
    (message,) = refused({"--out": "x" * 5000})
    assert message.startswith("--out: xxx") and message.endswith("xxx can't be written: File name too long")
    assert " … " in message and len(message) < 500


def test_commands_refuse_before_they_work(place: Path) -> None:
    before = Path("d.jsonl").read_bytes()
    for args in (
        ["predict", "--model", "model", "--documents", "d.jsonl", "--out", "d.jsonl"],
        ["predict", "--model", "model", "--documents", "d.jsonl", "--out", "no/p.jsonl"],
        ["reward", "probe", "evidence", "--documents", "d.jsonl", "--html", "d.jsonl"],
    ):
        done = call(*args)
        assert done.exit_code == 2, done.output
        assert ("is an input, d.jsonl; it would be lost" in done.stderr) != ("no/p.jsonl" in args)
    Path("r.py").write_text("def f(completions, **columns): return [0.0] * len(completions)\n")
    done = call("reward", "probe", "./r.py:f", "--documents", "d.jsonl", "--html", "r.py")
    assert done.exit_code == 2 and "--html: r.py is an input, r.py" in done.stderr
    assert Path("d.jsonl").read_bytes() == before and Path("r.py").read_text().startswith("def f")


def test_an_import_does_not_write_over_its_corpus(small_codiesp: Path, tmp_path: Path) -> None:
    table = small_codiesp / "trainX.tsv"
    before = table.read_bytes()
    done = call("data", "import", "codiesp", str(small_codiesp), "--out", str(table))
    assert done.exit_code == 2 and "is an input" in done.stderr and table.read_bytes() == before
    out = str(tmp_path / "x.jsonl")
    done = call("data", "import", "codiesp", str(small_codiesp), "--out", out, "--spans", out)
    assert done.exit_code == 2 and "is the file of --out too" in done.stderr
    done = call("data", "import", "codiesp", str(small_codiesp), "--out", str(small_codiesp / "new.jsonl"))
    assert done.exit_code == 0, done.output


def test_links_are_followed(place: Path) -> None:
    Path("target.json").write_text("old")
    Path("link.json").symlink_to("target.json")
    Path("dangling.json").symlink_to("model/new.json")
    write_json(Path("link.json"), 1)
    write_json(Path("dangling.json"), 2)
    assert Path("link.json").is_symlink() and Path("target.json").read_text() == "1\n"
    assert Path("dangling.json").is_symlink() and Path("model/new.json").read_text() == "2\n"


def test_a_fifo_and_a_device_are_written_to_and_stay(place: Path) -> None:
    os.mkfifo("fifo")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("fifo").read_text()))
    reader.start()
    check_outputs({"--out": Path("fifo")}, [])
    write_json(Path("fifo"), [1])
    reader.join(10)
    assert read == ["[\n  1\n]\n"] and stat.S_ISFIFO(Path("fifo").stat().st_mode)
    Path("null").symlink_to("/dev/null")
    write_json(Path("null"), [1])
    assert Path("null").is_symlink() and stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_standard_output_is_written_to_where_it_stands(place: Path) -> None:
    code = (
        "from pathlib import Path; from scl_rl.atomic import write_json\n"
        "print('before', flush=True); write_json(Path('/dev/stdout'), 1); print('after')"
    )
    with Path("all.txt").open("w") as stream:
        subprocess.run([sys.executable, "-c", code], stdout=stream, check=True)
    assert Path("all.txt").read_text() == "before\n1\nafter\n"


def test_what_is_written_is_its_owners_alone(place: Path) -> None:
    before = os.umask(0)
    try:
        write_json(Path("new.json"), 1)
        assert call("data", "make", "--out", "corpus", *MAKE).exit_code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("new.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("corpus").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in Path("corpus").iterdir()} == {0o600}


def test_half_a_file_is_never_seen(place: Path) -> None:
    write_json(Path("x.json"), "old")
    with pytest.raises(RuntimeError), writing(Path("x.json")) as stream:
        stream.write("new")
        raise RuntimeError
    assert Path("x.json").read_text() == '"old"\n'
    assert sorted(file.name for file in place.iterdir()) == ["d.jsonl", "model", "x.json"]


def test_a_corpus_does_not_replace_another_unless_asked(place: Path) -> None:
    assert call("data", "make", "--out", "c", *MAKE, "--dev", "2").exit_code == 0
    before = {file.name: file.read_bytes() for file in Path("c").iterdir()}
    assert sorted(before) == ["annotated.jsonl", "dev.jsonl", "spans.jsonl", "test.jsonl"]
    again = ["data", "make", "--out", "c", *MAKE, "--dev", "0", "--seed", "9"]
    done = call(*again)
    assert done.exit_code == 2
    assert "c: already contains a corpus: annotated.jsonl, spans.jsonl, dev.jsonl, test.jsonl" in done.stderr
    assert {file.name: file.read_bytes() for file in Path("c").iterdir()} == before
    Path("c/README").write_text("mine")
    assert call(*again, "--overwrite").exit_code == 0
    assert names("c") == ["README", "annotated.jsonl", "spans.jsonl", "test.jsonl"]
    assert Path("c/test.jsonl").read_bytes() != before["test.jsonl"]


def test_a_corpus_that_fails_leaves_what_was_there(place: Path) -> None:
    for folder in ("new", "old"):
        if folder == "old":
            Path("old").mkdir()
            Path("old/test.jsonl").write_text("old")
        with pytest.raises(RuntimeError), new_corpus(Path(folder), ["test.jsonl"], True) as half:
            (half / "test.jsonl").write_text("new")
            raise RuntimeError
    assert not Path("new").exists() and names("old") == ["test.jsonl"]
    assert Path("old/test.jsonl").read_text() == "old"
