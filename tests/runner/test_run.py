"""The runner with made-up stage kinds: keys, reasons, skipping, crashing, resuming, locking."""

from __future__ import annotations

import errno
import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import yaml

from scl_rl.corpus.sources.files import FilesSource
from scl_rl.errors import UserError, WorkError
from scl_rl.recipe.load import load_recipe
from scl_rl.reporter import QUIET
from scl_rl.runner import keys
from scl_rl.runner.folder import RunFolder
from scl_rl.runner.manifest import Manifest, locked, minute
from scl_rl.runner.plan import Step, make_plan
from scl_rl.runner.run import RunOptions, run_recipe
from scl_rl.runner.select import Selection
from scl_rl.stages import registry
from scl_rl.stages.contract import StageContext, StageSettings
from scl_rl.stages.shared.interrupt import STOP
from tests.support.heard import Heard


class Train(StageSettings):
    """Counts up to ``steps``, a file a step; stops at ``stop_at`` the first time."""

    kind: Literal["train"] = "train"
    steps: int = 3
    stop_at: int | None = None
    error: str = "boom"
    note: str | None = None

    needs_parent: ClassVar[bool] = False
    cost: ClassVar[str | None] = "it:loads_a_model"
    outputs: ClassVar[Mapping[str, str]] = {"model": "model"}
    starts_from: ClassVar[tuple[str, ...]] = ("model",)
    done: ClassVar[list[str]] = []

    def run(self, context: StageContext) -> dict[str, Any]:
        """Work."""
        assert context.data.test is not None
        found = len(list(context.folder.glob("step-*")))
        for step in range(found, self.steps):
            if step == self.stop_at and not found and self.error != "late":
                errors = {"stop": KeyboardInterrupt, "user": UserError, "memory": MemoryError}
                if self.error == "full":
                    raise OSError(errno.ENOSPC, "No space left on device")
                raise errors.get(self.error, ValueError)(self.error)
            (context.folder / f"step-{step}").touch()
            STOP.asked |= self.error == "late" and step == self.stop_at == self.steps - 1
            Train.done.append(f"{context.name}:{step}")
        if self.error != "forgets":
            (context.folder / "model").mkdir(exist_ok=True)
            (context.folder / "model" / "weights").write_text(f"weights of {context.name}")
        return {"steps": self.steps, "found": found}


class Judge(StageSettings):
    """One for each parent."""

    kind: Literal["judge"] = "judge"
    cost: ClassVar[str | None] = None
    outputs: ClassVar[Mapping[str, str]] = {"verdict": "verdict.txt", "doubts": "doubts.txt"}
    optional_outputs: ClassVar[tuple[str, ...]] = ("doubts",)
    starts_from: ClassVar[tuple[str, ...]] = ("model",)

    def run(self, context: StageContext) -> dict[str, Any]:
        """Work."""
        (parent,) = context.parents
        (context.folder / "verdict.txt").write_text(parent.output("model").joinpath("weights").read_text())
        return {"of": parent.name, "steps": parent.figures["steps"]}


class Table(StageSettings):
    """All parents at once."""

    kind: Literal["compare"] = "compare"
    fan_in: ClassVar[bool] = True
    cost: ClassVar[str | None] = None
    starts_from: ClassVar[tuple[str, ...]] = ("verdict",)

    def run(self, context: StageContext) -> dict[str, Any]:
        """Work."""
        rows = [[parent.figures["of"], parent.figures["steps"]] for parent in context.parents]
        lineage = [stage.name for stage in context.parents[-1].lineage()]
        return {
            "table": {"columns": ["model", "steps"], "rows": rows},
            "notes": ["so be it"],
            "lineage": lineage,
        }


RECIPE: dict[str, Any] = {
    "name": "toy",
    "model": "none",
    "data": {"source": "synthetic", "documents": 6, "spans": 6, "code_only": 0, "dev": 2, "test": 2},
    "stages": {
        "base": {"kind": "train"},
        "more": {"kind": "train", "from": "base"},
        "judge": {"kind": "judge", "from": ["base", "more"]},
        "table": {"kind": "compare", "from": "judge"},
    },
}
ALL = ["data", "base", "more", "judge.base", "judge.more", "table"]


def planned(
    file: Path, run: Path, overrides: Sequence[str] = (), selection: Selection | None = None
) -> list[Step]:
    """The steps of a recipe file."""
    return make_plan(load_recipe(file, overrides), RunFolder(run), selection).steps


class Toy:
    """A recipe file and the folder that it runs in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "toy.yaml"
        self.runs = folder / "runs"
        self.run_folder = self.runs / "toy"
        self.file.write_text(yaml.safe_dump(RECIPE, sort_keys=False))

    def run(self, *overrides: str, reuse: bool = False, **selected: tuple[str, ...]) -> list[str]:
        """Run it; what was said."""
        said: list[str] = []
        options = RunOptions(Selection(**selected), reuse, Heard(said))
        run_recipe(load_recipe(self.file, overrides), self.runs, options)
        return said

    def plan(self, *overrides: str, **selected: tuple[str, ...]) -> dict[str, str]:
        """Stage → reason, for those that would run."""
        steps = planned(self.file, self.run_folder, overrides, Selection(**selected))
        return {step.name: step.reason for step in steps if step.runs}

    def stage(self, name: str) -> dict[str, Any]:
        """A stage's entry in the manifest."""
        entry: dict[str, Any] = json.loads((self.run_folder / "manifest.json").read_text())["stages"][name]
        return entry


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    kinds = {"train": Train, "judge": Judge, "compare": Table}
    monkeypatch.setattr(registry, "stage_kinds", lambda: kinds)
    Train.done.clear()
    return Toy(tmp_path)


def test_first_run_makes_everything(toy: Toy) -> None:
    assert toy.plan() == dict.fromkeys(ALL, "first run")
    assert not toy.runs.exists()
    assert toy.run() == [f"run {name}: first run" for name in ALL]
    assert (toy.run_folder / "stages/data/test.jsonl").exists()
    summary = json.loads((toy.run_folder / "summary.json").read_text())
    assert summary["comparison"]["table"]["rows"] == [["base", 3], ["more", 3]]
    assert summary["comparison"]["lineage"] == ["base", "more", "judge.more"]
    assert list(summary["stages"]) == ALL[1:]
    assert summary["data"]["test"] == 2
    assert summary["hardware"]["cores"] >= 1
    assert toy.stage("base")["outputs"] == [
        f"stages/base/{name}"
        for name in ("figures.json", "key.json", "log.txt", "model", "step-0", "step-1", "step-2")
    ]
    assert not list((toy.run_folder / "stages").glob(".*"))


def test_resolved_recipe_loads_and_says_the_same(toy: Toy) -> None:
    toy.run("base.steps=2")
    resolved = toy.run_folder / "recipe.resolved.yaml"
    again = load_recipe(resolved)
    assert again.resolved() == load_recipe(toy.file, ["base.steps=2"]).resolved()
    assert all(not step.runs for step in make_plan(again, RunFolder(toy.run_folder)).steps)


def test_nothing_changed_nothing_runs(toy: Toy) -> None:
    toy.run()
    before = len(Train.done)
    said = toy.run()
    assert len(Train.done) == before
    assert all(line.startswith("skip ") and ": unchanged since 20" in line for line in said)
    assert json.loads((toy.run_folder / "summary.json").read_text())["comparison"]["notes"] == ["so be it"]


@pytest.mark.parametrize(
    ("overrides", "reasons"),
    [
        (["more.steps=5"], {"more": "steps 3 → 5", "judge.more": "parent more changed"}),
        (["more.note=x"], {"more": "note unset → x", "judge.more": "parent more changed"}),
        (["seed=1"], dict.fromkeys(ALL[1:], "seed 0 → 1")),
        (["prompt.template=Read {text} and say what codes there are"], {"base": "prompt.template changed"}),
        (["window.tokens=64"], {"base": "window.tokens unset → 64"}),
        (["data.test=3"], {"data": "test 2 → 3", "base": "data changed", "more": "data changed"}),
    ],
)
def test_reasons(toy: Toy, overrides: list[str], reasons: dict[str, str]) -> None:
    toy.run()
    planned = toy.plan(*overrides)
    for name, reason in reasons.items():
        assert planned[name].split(", ")[0] == reason
    assert "table" in planned
    if overrides[0].startswith("more"):
        assert "base" not in planned and "judge.base" not in planned and "data" not in planned
    assert [line.split(": ")[0] for line in toy.run(*overrides)] == [
        f"{'run' if name in planned else 'skip'} {name}" for name in ALL
    ]
    assert toy.plan(*overrides) == {}


def test_at_most_three_changes_are_named(toy: Toy) -> None:
    toy.run()
    planned = toy.plan("seed=1", "window.tokens=64", "answer=json", "prompt.chat=true", "base.steps=4")
    assert planned["base"].endswith(" and 2 more")
    assert planned["base"].startswith("steps 3 → 4, ")


def test_another_library_version_runs_again(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.run()
    now = keys.versions() | {"trl": "99.0"}
    old = keys.versions()["trl"]
    monkeypatch.setattr(keys, "versions", lambda: now)
    planned = toy.plan()
    assert planned["base"] == f"trl {old} → 99.0"
    assert "data" not in planned


def test_a_reward_file_that_changed_runs_its_stage_again(tmp_path: Path) -> None:
    reward = tmp_path / "mine.py"
    reward.write_text("def f(completions, **columns): return [0.0]\n")
    grpo = {"kind": "grpo", "from": "a", "max_steps": 1, "rewards": ["./mine.py:f", "evidence"]}
    stages = {"a": {"kind": "sft", "tokens": 9}, "b": grpo}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(RECIPE | {"stages": stages}))
    first = planned(tmp_path / "r.yaml", tmp_path / "run")
    reward.write_text("def f(completions, **columns): return [1.0]\n")
    second = planned(tmp_path / "r.yaml", tmp_path / "run")
    assert [a.key == b.key for a, b in zip(first, second, strict=True)] == [True, True, False]
    assert keys.changes(first[2].ingredients, second[2].ingredients) == ["reward ./mine.py:f changed"]
    assert set(first[2].ingredients["rewards"]) == {"./mine.py:f", "evidence"}
    assert "unknown" not in first[2].ingredients["rewards"].values()


def test_data_files_count_by_content_not_by_place(toy: Toy) -> None:
    toy.run()
    made = toy.run_folder / "stages" / "data"

    def recipe(folder: str) -> list[Any]:
        there = toy.folder / folder
        there.mkdir()
        (there / "t.jsonl").write_bytes((made / "test.jsonl").read_bytes())
        data = {"source": "files", "test": "t.jsonl"}
        (there / "r.yaml").write_text(yaml.safe_dump(RECIPE | {"data": data}, sort_keys=False))
        return planned(there / "r.yaml", toy.folder / "elsewhere")

    first, second = recipe("one"), recipe("two")
    assert [step.key for step in first] == [step.key for step in second]
    run_recipe(load_recipe(toy.folder / "one/r.yaml"), toy.runs, RunOptions(reporter=QUIET, reuse=True))
    with (toy.folder / "one/t.jsonl").open("a") as stream:
        stream.write('{"id": "another", "text": "x", "annotations": []}\n')
    changed = planned(toy.folder / "one/r.yaml", toy.run_folder)
    assert (changed[0].runs, changed[0].reason) == (True, "input test changed")


def test_data_that_changes_while_it_is_read_is_read_again(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.run()
    copied = (toy.run_folder / "stages/data/test.jsonl").read_bytes()
    path = toy.folder / "t.jsonl"
    path.write_bytes(copied)
    recipe = RECIPE | {"name": "other", "data": {"source": "files", "test": "t.jsonl"}}
    toy.file.write_text(yaml.safe_dump(recipe, sort_keys=False))
    prepare = FilesSource.prepare

    def slow(source: FilesSource, folder: Path) -> dict[str, int]:
        path.write_bytes(copied.splitlines(keepends=True)[0])  # after its hash was taken
        return prepare(source, folder)

    monkeypatch.setattr(FilesSource, "prepare", slow)
    with pytest.raises(UserError, match=r"at data\.test: changed while it was read \(run it again\)"):
        toy.run()
    made = toy.runs / "other/stages/data"
    assert not made.exists()
    toy.run()
    assert (made / "test.jsonl").read_bytes() == path.read_bytes() != copied


def test_a_local_model_counts_by_its_files_not_by_how_its_path_is_written(toy: Toy) -> None:
    (toy.folder / "tiny").mkdir()
    weights = toy.folder / "tiny" / "model.safetensors"
    weights.write_text("a")
    toy.run("model=./tiny")
    assert toy.plan(f"model=../{toy.folder.name}/tiny") == {}
    assert toy.plan(f"model={toy.folder}/tiny") == {}
    weights.write_text("ab")
    assert toy.plan("model=tiny")["base"] == "model changed"


def test_force_runs_the_stage_and_what_descends_from_it(toy: Toy) -> None:
    toy.run()
    assert toy.plan(force=("more",)) == {
        "more": "forced",
        "judge.more": "parent more runs again",
        "table": "parent judge.more runs again",
    }
    assert list(toy.plan(force=("judge",))) == ["judge.base", "judge.more", "table"]
    with pytest.raises(UserError, match=r"--force mor: there is no such stage \(did you mean 'more'\?\)"):
        toy.plan(force=("mor",))


def test_a_missing_folder_is_made_again(toy: Toy) -> None:
    toy.run()
    shutil.rmtree(toy.run_folder / "stages/judge.base")
    assert toy.plan() == {"judge.base": "its folder is gone", "table": "parent judge.base runs again"}


@pytest.mark.parametrize("error", ["boom", "stop"])
def test_an_interrupted_stage_resumes_where_it_was(toy: Toy, error: str) -> None:
    with pytest.raises(KeyboardInterrupt if error == "stop" else WorkError):
        toy.run("more.stop_at=2", f"more.error={error}")
    entry = toy.stage("more")
    assert entry["state"] == ("interrupted" if error == "stop" else "failed")
    assert toy.stage("base")["state"] == "done"
    assert (toy.run_folder / "stages/.more.partial/step-1").exists()
    assert not (toy.run_folder / "stages/more").exists()
    said = toy.run("more.stop_at=2", f"more.error={error}")
    assert said[2] == f"run more: {'was interrupted' if error == 'stop' else 'failed last time'}"
    assert Train.done == ["base:0", "base:1", "base:2", "more:0", "more:1", "more:2"]
    entry = toy.stage("more")
    assert (entry["state"], entry["figures"]["found"], entry["error"]) == ("done", 2, None)
    assert not list((toy.run_folder / "stages").glob(".*"))


def test_a_partial_folder_of_other_settings_is_thrown_away(toy: Toy) -> None:
    with pytest.raises(WorkError):
        toy.run("more.stop_at=2")
    toy.run("more.steps=2")
    assert toy.stage("more")["figures"]["found"] == 0


FILES = {
    "stages/base/model/weights": "its model/weights",
    "stages/judge.base/verdict.txt": "its verdict.txt",
    "stages/data/test.jsonl": "its test.jsonl",
}


def test_a_finished_stage_is_on_the_disk_before_it_is_recorded(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    toy.run()
    weights = next(i for i, path in enumerate(synced) if path.endswith("stages/.base.partial/model/weights"))
    recorded = [i for i, path in enumerate(synced) if "/.manifest.json." in path]
    assert min(recorded) < weights < max(recorded)


def test_finished_files_are_recorded_with_length_and_checksum(toy: Toy) -> None:
    toy.run()
    files = {name: toy.stage(name)["files"] for name in ("base", "judge.base", "table")}
    assert {name: list(found) for name, found in files.items()} == {
        "base": ["stages/base/model/weights"],
        "judge.base": ["stages/judge.base/verdict.txt"],
        "table": [],
    }
    written = (toy.run_folder / "stages/base/model/weights").read_bytes()
    recorded = files["base"]["stages/base/model/weights"]
    assert (recorded["bytes"], recorded["crc32"]) == (len(written), zlib.crc32(written))
    assert "stages/data/test.jsonl" in toy.stage("data")["files"]
    assert not {"stages/data/log.txt", "stages/data/key.json"} & set(toy.stage("data")["files"])


@pytest.mark.parametrize(("path", "named"), FILES.items())
@pytest.mark.parametrize("how", ["gone", "shorter", "changed"])
def test_an_output_that_is_gone_or_changed_is_made_again(toy: Toy, path: str, named: str, how: str) -> None:
    toy.run()
    file, name = toy.run_folder / path, path.split("/")[1]
    before = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(before[:-1] if how == "shorter" else before[:-1] + bytes([before[-1] ^ 1]))
    planned = toy.plan()
    assert planned[name] == f"{named} {'is gone' if how == 'gone' else 'has changed'}"
    assert f"run {name}: {planned[name]}" in toy.run()
    assert file.read_bytes() == before
    assert toy.plan() == {}


def test_files_that_were_copied_are_no_other_files(toy: Toy) -> None:
    toy.run()
    for file in toy.run_folder.rglob("*"):
        os.utime(file, (1, 1))
    assert toy.plan() == {}
    assert all(line.startswith("skip") for line in toy.run())


def test_checksums_of_what_a_stage_reads_are_verified_before_it_runs(toy: Toy) -> None:
    toy.run()
    file = toy.run_folder / "stages/base/model/weights"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    os.utime(file, ns=times)  # as a disk that fails does it
    assert toy.plan() == {} and "skip base" in toy.run()[1]
    assert "skip base" in toy.run(force=("table",))[1]  # which loads no model
    before = len(Train.done)
    said = toy.run("more.steps=4")  # which does
    assert said[1] == "run base: its model/weights has changed"
    assert len(Train.done) == before + 3 + 4
    assert file.read_text() == "weights of base"


def test_an_output_that_was_not_written_fails_the_stage(toy: Toy) -> None:
    with pytest.raises(WorkError) as caught:
        toy.run("base.error=forgets")
    told = "stage base failed: it ended without writing its model (traceback in "
    assert str(caught.value).startswith(told)
    assert toy.stage("base")["state"] == "failed"
    assert not (toy.run_folder / "stages/.base.partial/figures.json").exists()


def test_a_stage_that_was_in_place_and_not_yet_recorded_is_not_made_again(toy: Toy) -> None:
    write, killed = Manifest.write, {"left": 1}

    class Killed(BaseException):
        pass

    def die(self: Manifest, folder: RunFolder) -> None:
        if killed["left"] and "more" in self.stages and self.stages["more"].state == "done":
            killed["left"] = 0
            raise Killed
        write(self, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Manifest, "write", die)
        with pytest.raises(Killed):
            toy.run()
    assert toy.stage("more")["state"] == "running" and (toy.run_folder / "stages/more").is_dir()
    done = list(Train.done)
    toy.run()
    assert Train.done == done and toy.stage("more")["figures"] == {"steps": 3, "found": 0}


def test_children_run_again_if_the_run_stopped_after_their_parent(toy: Toy) -> None:
    toy.run()
    real = Judge.run
    try:
        Judge.run = _stopped  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            toy.run(force=("more",))
    finally:
        Judge.run = real  # type: ignore[method-assign]
    assert list(toy.plan()) == ["judge.more", "table"]


def _stopped(self: Judge, context: StageContext) -> dict[str, Any]:
    raise KeyboardInterrupt


def test_a_failed_stage_leaves_its_traceback_in_the_log(toy: Toy) -> None:
    toy.run()
    with pytest.raises(WorkError) as caught:
        toy.run("base.stop_at=0")
    log = toy.run_folder / "stages/.base.partial/log.txt"
    assert str(caught.value) == f"stage base failed: ValueError: boom (traceback in {log})"
    assert "Traceback" in log.read_text() and "ValueError: boom" in log.read_text()
    assert toy.stage("base")["error"] == "boom"
    assert not (toy.run_folder / "summary.json").exists()


def test_a_users_mistake_found_in_a_stage_stays_one(toy: Toy) -> None:
    with pytest.raises(UserError, match="user"):
        toy.run("base.stop_at=0", "base.error=user")
    assert toy.stage("base")["state"] == "failed"


def test_two_runs_of_one_folder_are_refused(toy: Toy) -> None:
    toy.run_folder.mkdir(parents=True)
    with (
        locked(RunFolder(toy.run_folder)),
        pytest.raises(WorkError, match=r"is in use by process \d+, started 20"),
    ):
        toy.run()
    (toy.run_folder / ".lock").write_text("process 1, started long ago")  # what a dead run leaves
    toy.run()


def test_a_damaged_manifest_is_the_users_to_mend(toy: Toy) -> None:
    toy.run()
    (toy.run_folder / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json: not a manifest of this version"):
        toy.run()


def test_the_manifest_reads_back(toy: Toy) -> None:
    toy.run()
    manifest = Manifest.read(RunFolder(toy.run_folder))
    assert list(manifest.stages) == ALL
    assert all(keys.key_of(entry.ingredients) == entry.key for entry in manifest.stages.values())
    assert manifest.stages["judge.more"].made_from == {"more": manifest.stages["more"].started}


def test_another_recipe_may_reuse_the_folder(toy: Toy) -> None:
    toy.run()
    toy.file.write_text(toy.file.read_text().replace("more", "less"))
    assert [line.split(":")[0] for line in toy.run()] == [
        "skip data",
        "skip base",
        "run less",
        "skip judge.base",
        "run judge.less",
        "run table",
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("memory", "out of memory: lower the stage's batch_size (traceback in "),
        ("full", "MB free): make room and run it again to resume (traceback in "),
    ],
)
def test_a_stage_that_lacks_room_says_what_to_do(toy: Toy, error: str, told: str) -> None:
    with pytest.raises(WorkError) as caught:
        toy.run("base.stop_at=1", f"base.error={error}")
    assert str(caught.value).startswith("stage base failed: ") and told in str(caught.value)
    toy.run("base.stop_at=1", f"base.error={error}")
    assert toy.stage("base")["figures"]["found"] == 1


def test_a_full_disk_under_the_runner_itself_is_told(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Manifest, folder: RunFolder) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(WorkError, match=r"toy is full: make room"):
        patch.setattr(Manifest, "write", write)
        toy.run()
    toy.run()


def test_work_that_was_done_and_not_yet_put_in_place_is_not_done_again(toy: Toy) -> None:
    rename, killed = Path.rename, {"left": 1}

    class Killed(BaseException):
        pass

    def die(self: Path, target: Path) -> Path:
        if self.name == ".more.partial" and killed["left"]:
            killed["left"] = 0
            raise Killed
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", die)
        with pytest.raises(Killed):
            toy.run()
    done = list(Train.done)
    toy.run()
    assert Train.done == done == [f"{stage}:{step}" for stage in ("base", "more") for step in range(3)]
    assert toy.stage("more")["figures"] == {"steps": 3, "found": 0}


def test_until_runs_what_a_stage_needs_and_no_more(toy: Toy) -> None:
    assert list(toy.plan(until=("base",))) == ["data", "base"]
    said = toy.run(until=("base",))
    assert said[-1] == "skip table: left out (first run)"
    summary = json.loads((toy.run_folder / "summary.json").read_text())
    assert list(summary["stages"]) == ["base"] and summary["comparison"] is None
    assert list(toy.plan()) == ALL[2:]


def test_from_and_only_run_nothing_that_comes_before(toy: Toy) -> None:
    told = "stage 'more': stage 'base' has to run before it: left out (first run)"
    with pytest.raises(UserError) as caught:
        toy.plan(only=("more",))
    assert "stage 'data' has to run before it" in str(caught.value)
    toy.run(until=("data",))
    with pytest.raises(UserError) as caught:
        toy.plan(start=("more",))
    assert str(caught.value) == f"{told} (run it too, or first: --until base)"
    toy.run(until=("base",))
    assert list(toy.plan(only=("more",))) == ["more"]
    assert list(toy.plan(start=("more",), until=("judge.more",))) == ["more", "judge.more"]
    with pytest.raises(UserError, match=r"stage 'table': stage 'judge.base' has to run before it"):
        toy.plan(start=("more",))
    toy.run()
    assert toy.plan(start=("more",), force=("more",)) == {
        "more": "forced",
        "judge.more": "parent more runs again",
        "table": "parent judge.more runs again",
    }
    with pytest.raises(UserError, match=r"--until mor: there is no such stage \(did you mean 'more'\?\)"):
        toy.plan(until=("mor",))


def test_a_stage_made_again_alone_leaves_all_that_comes_of_it_out_of_date(toy: Toy) -> None:
    toy.run()
    assert toy.run(only=("base",), force=("base",)) == [
        *(f"skip data: unchanged since {minute(toy.stage('data')['finished'])}", "run base: forced"),
        "skip more: left out (parent base runs again)",
        "skip judge.base: left out (parent base runs again)",
        "skip judge.more: left out (parent more is out of date)",
        "skip table: left out (parent judge.base is out of date)",
    ]
    assert list(toy.plan()) == ["more", "judge.base", "judge.more", "table"]


def test_a_name_that_another_recipe_has_used_is_refused(toy: Toy) -> None:
    toy.run()
    other = toy.folder / "other.yaml"
    stages = {**RECIPE["stages"], "base": {"kind": "train", "steps": 2}}
    other.write_text(yaml.safe_dump({**RECIPE, "stages": stages}, sort_keys=False))
    mine, toy.file = toy.file, other
    with pytest.raises(UserError) as caught:
        toy.run()
    lost = "stages 'base', 'more', 'judge.base' and 2 more"
    hint = "give this recipe another 'name', or say --reuse"
    assert (
        str(caught.value) == f"{toy.run_folder}: {mine} was run there; this would replace its {lost} ({hint})"
    )
    assert toy.stage("base")["figures"]["steps"] == 3
    toy.run(reuse=True)
    assert toy.stage("base")["figures"]["steps"] == 2
    shutil.copy(other, mine)
    toy.file = mine
    toy.run()  # the same under another name replaces nothing


def test_a_stop_that_came_too_late_for_a_stage_stops_the_run_after_it(toy: Toy) -> None:
    late = ("more.stop_at=2", "more.error=late")
    with pytest.raises(KeyboardInterrupt):
        toy.run(*late)
    assert toy.stage("more")["state"] == "done"
    assert list(toy.plan(*late)) == ["judge.base", "judge.more", "table"]
    toy.run(*late)
    assert toy.plan(*late) == {}
