"""Nothing is looked up or reported on the network when model and data are on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scl_rl.modeling import resolve
from scl_rl.process import confined, may_download
from tests.support import HOME

RECIPE = """\
model: {name: ./tiny, dtype: float32}
data: {source: synthetic, codes: 4, documents: 6, spans: 6, code_only: 4, dev: 2, test: 2, characters: 60}
stages:
  scl: {kind: sft, tokens: 3000, peft: {r: 2}, trainer: {per_device_train_batch_size: 2}}
  pairs: {kind: pairs, from: scl, samples: 0, negatives: [dropped], balance_length: false}
  dpo: {kind: dpo, from: pairs, eval_documents: 1, max_new_tokens: 200}
  grpo:
    kind: grpo
    from: scl
    max_steps: 1
    eval_documents: 1
    trainer: {per_device_train_batch_size: 4, num_generations: 4, max_completion_length: 200}
  predict: {kind: predict, from: [dpo, grpo], max_new_tokens: 200}
  evaluate: {kind: evaluate, from: predict}
"""
DRIVER = """
import sys
import tests.support.no_network
from scl_rl.runner.execute import local
local._PRELOADED = "tests.support.no_network_preload"
from scl_rl.cli.main import main
main(sys.argv[1:])
"""
USERS = (
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_HUB_DISABLE_TELEMETRY",
    "DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
)


def scl_rl(place: Path, *arguments: str, **environment: str) -> str:
    """Run the command where no socket gets anywhere; what its processes asked for."""
    asked = place / "asked"
    asked.unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if name not in (*USERS, "CI")}
    ours = {"PYTHONPATH": str(HOME), "SCL_RL_TEST_ASKED": str(asked), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments],
        cwd=place,
        env={**clean, **ours, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return asked.read_text() if asked.exists() else ""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    from tests.support.tiny import make_tiny_model

    folder = tmp_path_factory.mktemp("network")
    make_tiny_model(folder / "tiny")
    (folder / "r.yaml").write_text(RECIPE)
    return folder


@pytest.mark.slow
def test_a_run_a_plan_and_a_prediction_ask_nobody(place: Path) -> None:
    assert scl_rl(place, "plan", "r.yaml") == ""
    assert scl_rl(place, "run", "r.yaml") == ""
    assert (place / "watched").exists()  # stages were watched as well
    (model,) = (place / "runs/r/stages/grpo").glob("model")
    documents = str(place / "runs/r/stages/data/test.jsonl")
    how = ["--documents", documents, "--out", "out.jsonl", "--max-new-tokens", "8"]
    assert scl_rl(place, "predict", "--model", str(model), *how) == ""
    # What keeps it so are our settings: with the user's there is something to refuse.
    loud = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "0", "DO_NOT_TRACK": "0"}
    assert "huggingface.co" in scl_rl(place, "run", "r.yaml", "--only", "scl", "--force", "scl", **loud)


def test_the_environment_is_ours_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in USERS:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    assert may_download()
    with confined():
        assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
        assert may_download()  # a model that a recipe names
        with confined():
            assert may_download()
        assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert dict(os.environ) == before
    for said, may in (("1", False), ("true", False), ("0", True), ("", True)):
        monkeypatch.setenv("HF_HUB_OFFLINE", said)
        with confined():
            assert os.environ["HF_HUB_OFFLINE"] == said and may_download() is may
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    with confined():
        assert "HF_HUB_OFFLINE" not in os.environ and not may_download()


def test_only_a_model_that_is_not_here_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    calls: list[SimpleNamespace] = []

    def snapshot_download(name: str, local_files_only: bool, **kwargs: object) -> str:
        calls.append(SimpleNamespace(local=local_files_only, offline=constants.is_offline_mode()))
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return "fetched"

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # as it was imported
    monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path))
    for name in USERS:
        monkeypatch.delenv(name, raising=False)
    with confined():
        assert resolve.resolve_model("some/model", tmp_path) == "fetched"
    assert calls == [SimpleNamespace(local=True, offline=True), SimpleNamespace(local=False, offline=False)]
    assert constants.is_offline_mode()
