"""The recipes of benchmarks/ that answer what spans bring: they plan as their comments say."""

from __future__ import annotations

import importlib.util
import json

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from tests.support import HOME


def planned(name: str) -> dict:
    done = CliRunner().invoke(main, ["plan", str(HOME / "benchmarks" / name), "--json"])
    assert done.exit_code == 0, done.output
    return {stage["name"]: stage for stage in json.loads(done.stdout)["stages"]}


def test_synthesis_is_compared_at_the_same_tokens_with_three_seeds():
    stages = planned("synthesis.yaml")
    for seed in (0, 1, 2):
        plain, more = stages[f"scl.seed{seed}"], stages[f"scl-synthesized.seed{seed}"]
        assert plain["estimate"]["tokens"] == more["estimate"]["tokens"] == 50_000
        assert more["parents"] == ["synthesized"] and plain["parents"] == []
    assert 300 < stages["synthesized"]["estimate"]["examples"] <= 40 * 16
    assert len(stages["compare"]["parents"]) == 6


def test_the_curve_is_over_the_number_of_spans_alone():
    stages = planned("span_curve.yaml")
    made = [stages[f"spans-{number}"]["estimate"]["examples"] for number in (30, 100, 300, "all")]
    assert made[:3] == [30, 100, 300] and made[3] > 800
    tokens = {stage["estimate"]["tokens"] for name, stage in stages.items() if stage["kind"] == "sft"}
    assert tokens == {75_000}


def test_the_curve_is_drawn_from_a_record(tmp_path):
    spec = importlib.util.spec_from_file_location("span_curve", HOME / "benchmarks" / "span_curve.py")
    curve = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(curve)
    columns = ["model", "joint A", "joint B", "joint C", "joint D"]
    record = {
        "comparison": {
            "table": {
                "columns": columns,
                "rows": [
                    ["scl-30.seed0", 0.5, 0.3, 0.2, 0.1],
                    ["scl-30.seed1", 1, 0.5, 0.4, 0.3],
                    ["scl-0", *"1000"],
                ],
            }
        },
        "stages": {"spans-30": {"figures": {"spans": 29}}},
    }
    assert curve.points(record, "BCD") == [(0, 0.0), (29, pytest.approx(0.3))]
    curve.draw(record, tmp_path / "a.svg")
    curve.draw(record, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
