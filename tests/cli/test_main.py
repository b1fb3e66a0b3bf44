"""The command line: what is printed where, and the exit codes."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from scl_rl import __version__
from scl_rl.cli.console import RunConsole
from scl_rl.cli.main import main
from scl_rl.cli.tables import print_table
from scl_rl.errors import UserError, WorkError
from scl_rl.stages import registry
from scl_rl.stages.contract import StageContext, StageSettings

DATA = {"source": "synthetic", "documents": 4, "spans": 4, "code_only": 0, "dev": 2, "test": 2}


class Toy(StageSettings):
    """Does what ``how`` says."""

    kind: Literal["compare"] = "compare"
    how: str = "well"

    needs_parent = False
    cost = None

    def run(self, context: StageContext) -> dict[str, Any]:
        """Work."""
        print("a library talks")
        context.say("the stage talks")
        if self.how == "stop":
            raise KeyboardInterrupt
        if self.how == "swallow":  # as NumPy does while it is imported
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except KeyboardInterrupt:
                raise ImportError("initialization failed") from None
        if self.how != "well":
            raise {"user": UserError, "work": WorkError}.get(self.how, RuntimeError)("no luck")
        return {
            "table": {"columns": ["model", "joint"], "rows": [["a", 0.5], ["b", None]]},
            "notes": ["b is new"],
        }


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with toy.yaml, made the current one."""
    monkeypatch.setattr(registry, "stage_kinds", lambda: {"compare": Toy})
    monkeypatch.chdir(tmp_path)
    recipe = {"name": "toy", "model": "none", "data": DATA, "stages": {"only": {"kind": "compare"}}}
    Path("toy.yaml").write_text(yaml.safe_dump(recipe))
    return tmp_path


def call(*args: str) -> Result:
    """Run ``scl-rl`` in this process."""
    return CliRunner().invoke(main, args)


def test_run_prints_what_it_does_and_the_table(toy: Path) -> None:
    done = call("run", "toy.yaml")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[:3] == ["run data: first run", "run only: first run", "the stage talks"]
    assert "a library talks" in done.stderr and "a library talks" not in done.stdout
    assert "0.500" in done.stdout and "–" in done.stdout and "b is new" in done.stdout
    assert done.stdout.splitlines()[-1] == f"done: {Path('runs/toy/summary.json')}"
    again = call("run", "toy.yaml")
    assert again.stdout.startswith("skip data: unchanged since 20")


def test_run_json_prints_the_summary_and_nothing_else(toy: Path) -> None:
    done = call("run", "toy.yaml", "--json", "--runs", "elsewhere")
    assert done.exit_code == 0
    summary = json.loads(done.stdout)
    assert summary == json.loads(Path("elsewhere/toy/summary.json").read_text())
    assert summary["comparison"]["notes"] == ["b is new"]
    assert "run only: first run" in done.stderr
    assert "the stage talks" in done.stderr and "a library talks" in done.stderr


LOG = "runs/toy/stages/.only.partial/log.txt"


@pytest.mark.parametrize(
    ("how", "code", "line"),
    [
        ("user", 2, "error: no luck"),
        ("work", 1, f"error: stage only failed: no luck (traceback in {LOG})"),
        ("bug", 1, f"error: stage only failed: RuntimeError: no luck (traceback in {LOG})"),
        ("stop", 130, "interrupted; run the same command again to resume"),
    ],
)
def test_run_exit_codes(toy: Path, how: str, code: int, line: str) -> None:
    done = call("run", "toy.yaml", "--set", f"only.how={how}")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (code, line)
    assert "Traceback" not in done.output


def test_plan(toy: Path) -> None:
    done = call("plan", "toy.yaml", "--json")
    stages = json.loads(done.stdout)["stages"]
    assert [(stage["name"], stage["run"], stage["reason"]) for stage in stages] == [
        ("data", True, "first run"),
        ("only", True, "first run"),
    ]
    assert not Path("runs").exists()
    call("run", "toy.yaml")
    assert "0 of 2 stages would run in runs/toy" in call("plan", "toy.yaml").stdout
    changed = call("plan", "toy.yaml", "--set", "only.how=ill")
    assert "how well → ill" in changed.stdout and "1 of 2" in changed.stdout
    assert "forced" in call("plan", "toy.yaml", "--force", "only").stdout


def test_mistakes_are_lines_on_stderr(toy: Path) -> None:
    Path("toy.yaml").write_text("nam: toy\nmodel: 5\n")
    done = call("plan", "toy.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: toy.yaml:1:1: at nam: unknown setting (did you mean 'name'?)",
        "error: toy.yaml:1:1: at data: missing (source: one of synthetic, codiesp, files)",
        "error: toy.yaml:1:1: at stages: missing: a recipe needs at least one stage",
        "error: toy.yaml:2:1: at model: should be a section of settings, not 5",
    ]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["rn"], "No such command 'rn'"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "toy.yaml", "--jsn"], "--json"),
        (
            ["run", "toy.yaml", "--force", "onl"],
            "error: --force onl: there is no such stage (did you mean 'only'?)",
        ),
        (["plan", "toy.yml"], "error: toy.yml: there is no such file (did you mean 'toy.yaml'?)"),
        (["plan", "toi"], "error: there is no shipped recipe 'toi'"),
        (["recipes", "show", "toi"], "error: there is no shipped recipe 'toi'"),
        (["data", "make", "--out", "d", "--test", "-1"], "error: --test: at test: should be at least"),
        (["evaluate", "--predictions", "no.jsonl", "--documents", "no.jsonl"], "no.jsonl"),
        (["run", "toy.yaml", "--runs", "toy.yaml"], "toy.yaml"),
    ],
)
def test_wrong_use_exits_with_2(toy: Path, args: list[str], text: str) -> None:
    done = call(*args)
    assert done.exit_code == 2, done.output
    assert text in done.stderr


def test_an_unexpected_error_is_one_line_and_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def bug() -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setitem(main.commands, "bug", bug)
    done = call("bug")
    assert done.exit_code == 1
    line = done.stderr.strip()
    assert line.startswith("error: RuntimeError: first line (traceback in ") and "\n" not in line
    log = Path(line.removesuffix(")").rsplit(" ", 1)[1])
    assert "Traceback" in log.read_text()
    log.unlink()


def test_recipes() -> None:
    listed = call("recipes")
    shown = call("recipes", "show", "quickstart")
    assert listed.exit_code == shown.exit_code == 0
    assert "quickstart" in listed.stdout
    assert "stages:" in shown.stdout


def test_data_make(tmp_path: Path) -> None:
    done = call(
        "data", "make", "--out", str(tmp_path / "d"), "--documents", "5", "--test", "3", "--seed", "1"
    )
    assert done.exit_code == 0, done.output
    assert "annotated 5" in done.stdout and "test 3" in done.stdout
    assert len((tmp_path / "d" / "annotated.jsonl").read_text().splitlines()) == 5


def gold_and_predictions(folder: Path) -> tuple[str, str]:
    """Two documents, the first predicted right and the second not at all."""
    annotation = {"code": "I10", "system": "ICD-10-CM", "mentions": [[[0, 3]]]}
    documents = [{"id": i, "text": "HTN noted", "annotations": [annotation]} for i in ("a", "b")]
    mention = {"quotes": ["HTN"], "fragments": [[0, 3]]}
    predictions = [{"id": "a", "codes": [{"code": "I10", "mentions": [mention]}], "malformed": 0}]
    predictions.append({"id": "b", "codes": [], "malformed": 1})
    for name, records in (("d.jsonl", documents), ("p.jsonl", predictions)):
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(folder / "d.jsonl"), str(folder / "p.jsonl")


def test_evaluate_and_compare(tmp_path: Path) -> None:
    documents, predictions = gold_and_predictions(tmp_path)
    report = json.loads(
        call("evaluate", "--predictions", predictions, "--documents", documents, "--json").stdout
    )
    assert report["joint"]["micro"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    table = call("evaluate", "--predictions", predictions, "--documents", documents).stdout
    assert "joint micro" in table and "0.667" in table and "malformed: 1" in table
    both = call("compare", predictions, predictions, "--documents", documents)
    assert both.exit_code == 0 and "p.jsonl (2) is not distinguishable from p.jsonl" in both.stdout
    figures = json.loads(call("compare", predictions, "--documents", documents, "--json").stdout)
    assert figures["candidates"][0]["figures"] == report


def test_codiesp_import(codiesp_dir: Path, tmp_path: Path) -> None:
    split = codiesp_dir / "dev"
    out, spans = tmp_path / "d.jsonl", tmp_path / "s.jsonl"
    done = call("data", "import", "codiesp", str(split), "--out", str(out), "--spans", str(spans))
    assert done.exit_code == 0, done.output
    # Two of the 4,477 references are not the words at their offsets; they are named and kept.
    assert "250 documents" in done.stdout and "2 rows don't fit: 2 kept" in done.stdout
    assert len(out.read_text().splitlines()) == 250
    assert spans.stat().st_size > 0


def test_version_and_help() -> None:
    assert call("--version").stdout == f"scl-rl {__version__}\n"
    assert call("-h").stdout == call("--help").stdout
    for verb in main.commands:
        assert call(verb, "-h").exit_code == 0


def test_a_table_never_wraps_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    row = ["x" * 300, 1234567, 0.12345, 12.34, True, None, "[bold]"]
    print_table({"columns": list("abcdefg"), "rows": [row]}, ["note"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "xxx" in line]
    assert line.split() == ["x" * 300, "1,234,567", "0.123", "12.3", "yes", "–", "[bold]"]


@pytest.mark.parametrize("args", [["--help"], ["plan", "quickstart"], ["recipes"]])
def test_light_verbs_import_nothing_heavy(args: list[str], tmp_path: Path) -> None:
    code = """
import sys
from scl_rl.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as done:
    assert not done.code, done.code
heavy = {"torch", "transformers", "trl", "peft", "datasets"} & set(sys.modules)
assert not heavy, heavy
"""
    command = [sys.executable, "-c", code, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


COUNTER = """
import sys, time
from pathlib import Path
from typing import Literal
from scl_rl.stages import registry
from scl_rl.stages.contract import StageSettings

class Count(StageSettings):
    kind: Literal["count"] = "count"
    needs_parent = False
    cost = None
    def run(self, context):
        path = context.folder / "count"
        begun = int(path.read_text()) if path.exists() else 0
        for i in range(begun, 4):
            path.write_text(str(i + 1))
            if begun == 0 and i == 1:
                context.say("half way")
                time.sleep(60)
        return {"begun": begun}

registry.stage_kinds = lambda: {"count": Count}
from scl_rl.cli.main import main
main()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_killed_run_resumes(toy: Path, how: signal.Signals) -> None:
    recipe = {"name": "toy", "model": "none", "data": DATA, "stages": {"only": {"kind": "count"}}}
    Path("toy.yaml").write_text(yaml.safe_dump(recipe))
    Path("cli.py").write_text(COUNTER)
    command = [sys.executable, "cli.py", "run", "toy.yaml"]
    pipe = subprocess.PIPE

    def heed() -> None:  # what a shell's background jobs ignore, and what nohup does
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed) as process:
        assert process.stdout is not None
        while "half way" not in (line := process.stdout.readline()):
            assert line, process.stderr and process.stderr.read()
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 1 and f"is in use by process {process.pid}" in second.stderr
        process.send_signal(how)
        if how is signal.SIGKILL:
            assert process.wait(60) == -how
        else:
            assert process.stderr and process.stderr.read().strip() == (
                "interrupted; run the same command again to resume"
            )
            assert process.wait(60) == 128 + how
    time.sleep(0.1)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "skip data" in done.stdout and "run only: was interrupted" in done.stdout
    assert json.loads(Path("runs/toy/summary.json").read_text())["stages"]["only"]["figures"] == {"begun": 2}


class Screen(io.StringIO):
    """A stream that is a terminal, or is none."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_progress_is_drawn_over_on_a_terminal_and_rare_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for terminal in (True, False):
        screen = Screen(terminal)
        console = RunConsole(screen)
        console.say("run a: [first] run")
        console.progress("a: 1/2")
        console.progress("a: 2/2")
        console.say("run b")
        console.close()
        shown = screen.getvalue()
        if terminal:
            assert shown.index("a: 1/2") < shown.index("\x1b[2K") < shown.index("a: 2/2")
            assert shown.endswith("\x1b[1A\x1b[2Krun b\n")
        else:
            assert shown == "run a: [first] run\nrun b\n"
    monkeypatch.setattr("scl_rl.cli.console.time.monotonic", iter([0.0, 61.0, 61.0, 62.0]).__next__)
    slow = RunConsole(screen := Screen(False))
    slow.progress("a: 1/2")
    slow.progress("a: 2/2")
    assert screen.getvalue() == "a: 1/2\n"


def test_a_termination_that_a_library_swallows_is_one(toy: Path) -> None:
    done = call("run", "toy.yaml", "--set", "only.how=swallow")
    assert done.exit_code == 128 + signal.SIGTERM, done.output
    manifest = json.loads(Path("runs/toy/manifest.json").read_text())
    assert manifest["stages"]["only"]["state"] == "interrupted"


def test_what_the_file_system_forbids_is_one_line(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    Path("runs/toy").mkdir(parents=True)
    Path("runs/toy/manifest.json").write_text("{}")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", forbidden)
        done = call("plan", "toy.yaml")
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert "Permission denied" in done.stderr or "can't be read" in done.stderr
