"""Nothing of the working folder is imported, and only its owner can read what a run writes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.support import HOME  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

NAMES = [
    "random",
    "socket",
    "struct",
    "signal",
    "threading",
    "torch",
    "numpy",
    "trl",
    "peft",
    "datasets",
    "tqdm",
    "typing_extensions",
    "scl_rl",
    "pickle",
    "tempfile",
    "accelerate",
    "transformers",
    "evaluate",
    "yaml",
]
TRAP = "open({!r}, 'a').write(__name__ + '\\n')\nraise SystemExit('a module of the working folder ran')\n"
RECIPE = """\
model: {name: ./tiny, dtype: float32}
data: {source: synthetic, codes: 4, documents: 6, spans: 6, code_only: 0, dev: 2, test: 2, characters: 60}
stages:
  scl: {kind: sft, tokens: 2000, trainer: {per_device_train_batch_size: 2}}
  grpo:
    kind: grpo
    from: scl
    max_steps: 1
    rewards: ["./json.py:brief"]
    trainer: {per_device_train_batch_size: 4, num_generations: 4, max_completion_length: 200}
  predict: {kind: predict, from: grpo, max_new_tokens: 200}
  evaluate: {kind: evaluate, from: predict}
"""
REWARD = """\
def brief(completions, **columns):
    return [1.0 / (1 + len(str(c))) for c in completions]
"""


@pytest.mark.slow
def test_a_run_imports_nothing_from_the_working_folder(tmp_path: Path) -> None:
    make_tiny_model(tmp_path / "tiny")
    ran = tmp_path / "ran.txt"
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(TRAP.format(str(ran)))
    (tmp_path / "json.py").write_text(REWARD)
    (tmp_path / "r.yaml").write_text(RECIPE)
    command = Path(sys.executable).with_name("scl-rl")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(HOME)}
    done = subprocess.run(
        ["sh", "-c", f"umask 0; exec {command} run r.yaml"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert not ran.exists(), ran.read_text()
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "runs/r/summary.json").read_text())
    open_to_others = [
        str(path.relative_to(tmp_path))
        for path in (tmp_path / "runs/r", *(tmp_path / "runs/r").rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert not open_to_others
