"""``scl-rl check``: every stage for a step or two, the longest samples first, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch")

from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, Qwen2Config

from scl_rl.corpus.synthetic import SyntheticSettings, generate
from scl_rl.modeling.miniature import make_miniature
from scl_rl.runner.dry_run import _longest_and_others
from tests.support.tiny import make_tiny_model

TRAINER = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}
RECIPE: dict[str, Any] = {
    "name": "tried",
    "model": {"name": "./tiny", "dtype": "float32"},
    "data": {"source": "synthetic", "documents": 40, "code_only": 12, "dev": 4, "test": 4},
    "stages": {
        "sft": {
            "kind": "sft",
            "mixture": {"documents": 0.5, "spans": 0.5},
            "tokens": 10_000_000,
            "trainer": TRAINER,
        },
        "pairs": {
            "kind": "pairs",
            "from": "sft",
            "max_documents": 0,
            "max_code_only": 12,
            "rewards": [{"name": "consistency"}],
            "max_new_tokens": 200,
        },
        "dpo": {
            "kind": "dpo",
            "from": "pairs",
            "num_train_epochs": 99,
            "trainer": TRAINER,
            "max_new_tokens": 200,
        },
        "best": {
            "kind": "sft",
            "from": "pairs",
            "mixture": {"answers": 1},
            "match_compute_of": "grpo",
            "trainer": TRAINER,
        },
        "grpo": {
            "kind": "grpo",
            "from": "sft",
            "max_steps": 10_000,
            "rewards": ["./mine.py:mine"],
            "trainer": {**TRAINER, "num_generations": 2, "max_completion_length": 200},
        },
        "predict": {"kind": "predict", "from": ["dpo", "grpo", "best"], "max_new_tokens": 200},
        "evaluate": {"kind": "evaluate", "from": "predict"},
        "compare": {"kind": "compare", "from": "evaluate"},
    },
}
GOOD = "def mine(completions, **_):\n    return [float(len(c)) for c in completions]\n"
LATE = """
def mine(completions, text, **_):
    return [1.0 / (len(t) < LONGEST) for t in text]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_tiny_model(tmp_path / "tiny")
    (tmp_path / "mine.py").write_text(GOOD)
    (tmp_path / "tried.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    return tmp_path


def check(place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from scl_rl.cli.main import main; main()", "check", "tried.yaml", *more],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_every_stage_is_tried_and_nothing_is_left(place: Path) -> None:
    done = check(place, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["stages"] == 12 and told["seconds"] > 0
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("run ")][:4] == [
        "run data",
        "run sft",
        "run pairs",
        "run dpo",
    ]
    assert not [line for line in lines if "warning" in line]
    assert list((place / "runs/tried").iterdir()) == []


@pytest.mark.slow
def test_what_fails_on_the_longest_note_fails_at_once(place: Path) -> None:
    data = SyntheticSettings.model_validate({k: v for k, v in RECIPE["data"].items() if k != "source"})
    longest = max(len(document.text) for document in generate(data).documents)
    (place / "mine.py").write_text(LATE.replace("LONGEST", str(longest)))
    done = check(place)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: reward './mine.py:mine': row 0 (syn-train-")
    assert ": ZeroDivisionError at mine.py:3 (" in last


def test_the_longest_come_first_and_the_others_from_everywhere() -> None:
    documents = generate(SyntheticSettings(documents=40, code_only=0, dev=1, test=1)).documents
    chosen = _longest_and_others(documents, 8)
    lengths = sorted((len(document.text) for document in documents), reverse=True)
    assert [len(document.text) for document in chosen][:2] == lengths[:2]
    assert len(chosen) == len({document.id for document in chosen}) == 8
    assert len(chosen[-1].text) < lengths[20]
    assert _longest_and_others(documents[:3], 8) == sorted(documents[:3], key=lambda d: -len(d.text))


@pytest.mark.parametrize(
    "config",
    [
        Qwen2Config(hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2),
        GPT2Config(),
    ],
)
def test_a_miniature_is_of_the_same_architecture(tmp_path: Path, config: Any) -> None:
    make_tiny_model(tmp_path / "real")  # for its tokenizer
    config.vocab_size = 257
    config.save_pretrained(tmp_path / "real")
    make_miniature("real", tmp_path, tmp_path / "small")
    small = AutoConfig.from_pretrained(tmp_path / "small")
    assert small.model_type == config.model_type and small.num_hidden_layers == 2
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "small").num_parameters() < 500_000
