"""A run folder that was damaged: nothing that took work is lost, and one line says what is wrong."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scl_rl.errors import UserError
from scl_rl.runner.keys import key_of
from scl_rl.stages.contract import StageResult
from tests.runner.test_run import ALL, Toy
from tests.runner.test_run import toy as toy
from tests.support.privileges import bound


@pytest.mark.parametrize("left", ["", "{}"])
def test_an_emptied_manifest_costs_no_stage(toy: Toy, left: str) -> None:
    toy.run()
    manifest = toy.run_folder / "manifest.json"
    kept = manifest.read_text()
    weights = toy.run_folder / "stages/base/model/weights"
    made = weights.stat().st_mtime_ns
    manifest.write_text(left) if left else manifest.unlink()
    assert toy.plan()["base"] == "there, but not in manifest.json"
    with pytest.raises(UserError) as caught:
        toy.run()
    assert str(caught.value) == (
        f"{manifest}: does not list stages 'data', 'base', 'more' and 3 more in {toy.run_folder}/stages, "
        "which this would replace (put the manifest back, give this recipe another 'name', or say --reuse)"
    )
    assert weights.stat().st_mtime_ns == made
    manifest.write_text(kept)
    assert toy.plan() == {}
    manifest.unlink()
    assert toy.run(reuse=True) == [f"run {name}: there, but not in manifest.json" for name in ALL]


def test_a_stage_that_the_manifest_lacks_is_kept(toy: Toy) -> None:
    toy.run()
    manifest = json.loads((toy.run_folder / "manifest.json").read_text())
    del manifest["stages"]["base"]
    (toy.run_folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="does not list stage 'base'"):
        toy.run()
    with pytest.raises(UserError, match="stage 'base' has to run before it"):
        toy.plan(only=("judge",))


def test_checkpoints_that_the_manifest_lacks_are_kept(toy: Toy) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy.run("base.stop_at=1", "base.error=stop")
    checkpoint = toy.run_folder / "stages/.base.partial/checkpoints/checkpoint-1"
    checkpoint.mkdir(parents=True)
    shutil.rmtree(toy.run_folder / "stages/data")
    (toy.run_folder / "manifest.json").unlink()
    with pytest.raises(UserError, match="does not list stage 'base'"):
        toy.run()
    assert checkpoint.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda m: m["stages"]["base"].update(finished="yesterday"), "stages.base.finished: Value error"),
        (
            lambda m: m["stages"]["base"].update(started=7),
            "stages.base.started: Input should be",
        ),
        (lambda m: m["stages"]["base"].pop("key"), "stages.base.key: Field required"),
        (lambda m: m.update(stages=[]), "stages: Input should be an object"),
        (lambda m: m.update(version=2), "version: Input should be 1"),
    ],
)
def test_a_damaged_manifest_is_one_line(toy: Toy, damage: Callable[[dict], None], said: str) -> None:
    toy.run()
    path = toy.run_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    damage(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError) as caught:
        toy.plan()
    line = str(caught.value)
    assert line.startswith(f"{path}: not a manifest of this version: {said}") and "\n" not in line
    assert "remove" not in line  # no advice to throw models away


def test_a_folder_in_place_of_a_file_is_one_line(toy: Toy) -> None:
    toy.run()
    path = toy.run_folder / "manifest.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"manifest\.json: can't be read: Is a directory"):
        toy.plan()
    path.rmdir()
    resolved = toy.run_folder / "recipe.resolved.yaml"
    resolved.unlink()
    resolved.mkdir()
    with pytest.raises(UserError, match=r"recipe\.resolved\.yaml: can't be written: Is a directory"):
        toy.run(reuse=True)


@pytest.mark.parametrize("left", ["", "{", "[]", '{"found": ', "\udcff"])
def test_damaged_figures_of_a_partial_folder_are_made_again(toy: Toy, left: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy.run("base.stop_at=2", "base.error=late")
    stages = toy.run_folder / "stages"
    (stages / "base").rename(stages / ".base.partial")
    (stages / ".base.partial/figures.json").write_bytes(left.encode(errors="surrogateescape"))
    manifest = json.loads((toy.run_folder / "manifest.json").read_text())
    manifest["stages"]["base"]["state"] = "running"
    (toy.run_folder / "manifest.json").write_text(json.dumps(manifest))
    toy.run("base.stop_at=2", "base.error=late")
    assert json.loads((stages / "base/figures.json").read_text()) == {"steps": 3, "found": 3}


LIGHT = """
name: toy
model: none
data: {source: synthetic, codes: 6, documents: 6, code_only: 0, dev: 2, test: 2}
stages:
  words: {kind: dictionary}
  scores: {kind: evaluate, from: words}
"""


@pytest.mark.parametrize("closed", ["", "stages", "manifest.json", "stages/data/test.jsonl"])
def test_what_may_not_be_read_is_one_line(tmp_path: Path, closed: str) -> None:
    call = bound()
    (tmp_path / "toy.yaml").write_text(LIGHT)
    assert call(["run", "toy.yaml"], tmp_path)[0] == 0
    path = tmp_path / "runs/toy" / closed
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        for verb in ("plan", "run"):
            code, told = call([verb, "toy.yaml", "--force", "scores"], tmp_path)
            line = told.splitlines()[-1]
            assert code == 2 and "Traceback" not in told and "traceback" not in told
            assert line.startswith(f"error: {path.relative_to(tmp_path)}") and line.endswith(
                "Permission denied"
            )
    finally:
        path.chmod(mode)


def test_a_stage_folder_that_may_not_be_replaced_is_one_line(tmp_path: Path) -> None:
    call = bound()
    (tmp_path / "toy.yaml").write_text(LIGHT)
    assert call(["run", "toy.yaml"], tmp_path)[0] == 0
    folder = tmp_path / "runs/toy/stages/words"
    folder.chmod(0)
    try:
        code, told = call(["run", "toy.yaml", "--force", "words"], tmp_path)
    finally:
        folder.chmod(0o700)
    assert (code, told) == (2, "error: runs/toy/stages/words: Permission denied\n")
    assert call(["run", "toy.yaml"], tmp_path)[0] == 0


def test_values_from_the_environment_stand_in_no_manifest(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTE", "s3cr3t")
    monkeypatch.setenv("SEED", "4711")
    given = ("base.note=${env:NOTE}", "seed=${env:SEED}", "data.seed=${env:SEED}")
    toy.run(*given)
    manifest = (toy.run_folder / "manifest.json").read_text()
    assert "s3cr3t" not in manifest and "4711" not in manifest and "${env:NOTE}" in manifest
    assert toy.plan(*given) == {}
    monkeypatch.setenv("NOTE", "an0ther")
    assert toy.plan(*given)["base"] == "note changed"
    assert toy.plan(*given[1:])["base"] == "note changed"
    monkeypatch.setenv("SEED", "4712")
    assert toy.plan(*given)["data"] == "seed changed"
    assert "seed changed" in toy.plan(*given)["base"]
    stages = json.loads(manifest)["stages"].values()
    assert all(key_of(entry["ingredients"]) == entry["key"] for entry in stages)


def test_a_long_line_of_stages_is_walked_and_pickled(tmp_path: Path) -> None:
    stage = StageResult("0", "0", "sft", tmp_path, {"model": "."})
    for number in range(1, 3000):
        stage = StageResult(str(number), str(number), "predict", tmp_path, parents=(stage,))
    again = pickle.loads(pickle.dumps(stage))
    for one in (stage, again):
        assert [s.name for s in one.lineage()] == [str(n) for n in range(3000)]
        assert one.model == tmp_path
    left, right = (StageResult(n, n, "sft", tmp_path, parents=(stage,)) for n in "ab")
    both = StageResult("c", "c", "compare", tmp_path, parents=(left, right))
    assert [s.name for s in both.lineage()][-3:] == ["a", "b", "c"]
    assert len(list(both.lineage())) == 3003  # each once
