"""The guide to rewards: its files are written, its commands run, and what they print is what it says."""

import json
import re

import pytest

from tests.support import HOME

pytest.importorskip("torch")

from tests.support.guide import BLOCK, Command, check_command, environment, mismatch, read_guide
from tests.support.tiny import make_tiny_model

GUIDE = HOME / "docs" / "rewards.md"


def test_the_guide_is_true(tmp_path):
    make_tiny_model(tmp_path / "tiny")
    given = environment()
    commands = 0
    for step in read_guide(GUIDE.read_text(encoding="utf-8")):
        if isinstance(step, tuple):
            name, content = step
            assert name != "mine.yaml" or "model: smollm2-135m" in content
            content = content.replace("smollm2-135m", "./tiny")
            content = content.replace("max_completion_length: 96", "max_completion_length: 400")  # bytes
            (tmp_path / name).write_text(content, encoding="utf-8")
            continue
        check_command(step, tmp_path, given)
        commands += 1
    assert commands >= 12

    log = tmp_path / "runs" / "mine" / "stages" / "grpo" / "monitor.jsonl"
    figures = {name for line in log.read_text().splitlines() for name in json.loads(line)}
    table = GUIDE.read_text(encoding="utf-8").split("## Read the metrics")[1].split("\n\n")[2]
    assert figures - {"step"} <= set(re.findall(r"`(\w+)`", table))


def test_the_guide_shows_the_function_that_is_written(tmp_path):
    from scl_rl.rewards_api.starter import write_starter

    reward, _ = write_starter("tidy", tmp_path)
    body = [line.strip() for line in reward.read_text().splitlines() if line.strip()]
    text = GUIDE.read_text(encoding="utf-8")
    shown = next(b[3] for b in BLOCK.finditer(text) if b[1] == "python" and "def tidy" in b[3])
    missing = [line for line in shown.splitlines() if line.strip() and line.strip() not in body]
    assert missing == []


def test_a_guide_that_is_wrong_is_found_out():
    true = Command("x", ["wrote a, 3 lines", "", "in … s", "end"], False)
    assert mismatch(true, ["wrote a, 3 lines", "in 0.5 s", "[transformers] talks", "end", ""]) is None
    assert mismatch(true, ["wrote a, 4 lines", "in 0.5 s", "end"]) == "wrote a, 3 lines"
    assert mismatch(true, ["wrote a, 3 lines", "in 0.5 s"]) == "end"
    assert mismatch(true, ["wrote a, 3 lines", "in 0.5 s", "end", "more"]) == "more"
    loose = Command("x", ["step 1/3, reward 0.5", "done"], True)
    assert mismatch(loose, ["step 2/9, reward 0.1", "x: warning: w", "done"]) is None
    assert mismatch(loose, ["done"]) == "step"
