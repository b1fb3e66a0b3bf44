"""What is said about a GRPO run while it runs, and what is kept of it."""

import json

import pytest

from scl_rl.stages.grpo.monitor import Monitor, in_words
from scl_rl.stages.grpo.observer import Observer
from scl_rl.stages.shared.step_log import truncate_after_step


def follow(figures, checks=(), total=None, most_tokens=64):
    """A monitor that has seen the steps 1, 2, … and the dev checks in between; what it said, by step."""
    checks = dict(checks)
    monitor = Monitor(total or len(figures), most_tokens)
    said = {0: monitor.check(0, checks[0])} if 0 in checks else {}
    for step, known in enumerate(figures, 1):
        said[step] = monitor.check(step, checks[step]) if step in checks else []
        said[step] += monitor.step({"step": step, **known})
    assert monitor.warnings == [warning for step in said for warning in said[step]]
    return monitor.warnings, {step: len(warnings) for step, warnings in said.items() if warnings}


def rewards(*values):
    return [{"reward": value} for value in values]


def test_a_reward_that_rises_while_dev_joint_falls_is_told_with_both_figures():
    rising = rewards(0.40, 0.42, 0.41, 0.41, 0.60, 0.62, 0.64, 0.66, 0.7)
    (warning,), steps = follow(rising, {0: 0.34, 4: 0.35, 8: 0.28})
    assert warning.startswith(
        "the reward rose from 0.41 to 0.63 while joint F1 on dev documents fell from 0.35 (step 4) to 0.28 "
        "(step 8): the policy may be learning to please the reward"
    )
    assert steps == {8: 1}


@pytest.mark.parametrize(
    "checks",
    [
        {0: 0.34, 4: 0.35, 8: 0.40},  # dev rises with it
        {0: 0.34, 4: 0.35, 8: 0.34},  # within the noise of a check
        {0: 0.35, 4: 0.28},  # nothing yet to compare the reward with
        {},
    ],
)
def test_a_reward_that_rises_is_no_warning_by_itself(checks):
    assert follow(rewards(0.40, 0.42, 0.41, 0.41, 0.60, 0.62, 0.64, 0.66), checks)[0] == []


def test_a_fall_of_dev_joint_without_a_rise_of_the_reward_is_not_this_warning():
    checks = {0: 0.34, 4: 0.35, 8: 0.20}
    assert follow(rewards(*[0.4] * 8), checks)[0] == []
    assert follow(rewards(0.2, 0.6, 0.3, 0.5, 0.3, 0.6, 0.4, 0.5), checks)[0] == []  # just noise
    assert follow(rewards(*[None] * 8), checks)[0] == []


def test_it_is_told_of_each_thing_once():
    rising = rewards(*[0.1] * 4, *[0.5] * 4, *[0.9] * 4)
    warnings, steps = follow(rising, {0: 0.5, 4: 0.5, 8: 0.3, 12: 0.1})
    assert len(warnings) == 1 and steps == {8: 1}


def test_completions_that_are_cut_off_are_told():
    warnings, steps = follow([{"clipped_ratio": share} for share in (0.0, 0.0, 0.1, 0.2, 0.4, 0.4)])
    assert steps == {5: 1}  # 0.0 + 0.1 + 0.2 + 0.4 over four steps; 0.075 one step before
    assert warnings[0].startswith("18% of the completions of the last 4 steps were cut off at 64 tokens")
    assert "max_completion_length" in warnings[0]
    assert follow([{"clipped_ratio": 0.1}] * 9)[0] == []


def test_groups_that_never_vary_are_told_and_a_single_one_that_does_is_enough():
    flat, lively = {"frac_reward_zero_std": 1.0}, {"frac_reward_zero_std": 0.9}
    warnings, steps = follow([flat, flat, lively, flat, flat, flat, flat])
    assert steps == {6: 1} and "raise temperature or num_generations" in warnings[0]
    assert follow([flat, flat, lively] * 4)[0] == []
    assert follow([flat], total=1)[1] == {1: 1}  # a run of one step has no third
    assert follow([flat], total=9)[0] == []


def test_abstention_and_distance_are_told():
    warnings, _ = follow([{"abstained": 0.75, "kl": 3.0}] * 4)
    assert [warning[:31] for warning in warnings] == [
        "every reward abstained on 75% o",
        "the policy has moved far from t",
    ]
    assert follow([{"kl": value} for value in (0.1, 0.2, 90.0, 0.1, 0.2)])[0] == []  # one token's fault


def test_a_step_in_words_leaves_out_what_is_not_known():
    figures = {
        "step": 3,
        "reward": 0.4124,
        "clipped_ratio": 0.25,
        "kl": None,
        "grounded": 0.5,
        "malformed": 1.25,
    }
    assert in_words(figures) == "reward 0.412, 25% clipped, 1.2 malformed lines, 50% of quotes grounded"


NOTE = "Has flu and HTN."


class Watched:
    """An observer with the figures that it logged."""

    def __init__(self, weights, group=2, keep=None):
        self.observer = Observer(weights, group, "lines", keep)
        self.logged = {}

    def batch(self, completions, **values):
        columns = {
            "text": [NOTE] * len(completions),
            "id": [f"d{i}" for i in range(len(completions))],
            "trainer_state": type("State", (), {"global_step": 2}),
            "log_metric": self.logged.__setitem__,
        }
        for name, given in values.items():
            self.observer(name, given, completions, columns)
        return self.logged


def test_the_observer_counts_malformed_lines_and_grounded_quotes():
    completions = ['"flu" => J11\nnonsense', '"flu"; "cold" => J11\n"HTN" => I10', "none", ""]
    logged = Watched({"f": 1.0}).batch(completions, f=[1.0, 0.0, 0.0, 0.0])
    assert logged["answers/malformed"] == 0.25
    assert logged["answers/grounded"] == 0.75
    assert "answers/grounded" not in Watched({"f": 1.0}).batch(["", "none"], f=[0.0, 0.0])
    message = [{"role": "assistant", "content": '"flu" => J11'}]
    assert Watched({"f": 1.0}).batch([message, ""], f=[0.0, 0.0])["answers/grounded"] == 1.0


@pytest.mark.parametrize(
    ("f", "g", "flat", "abstained"),
    [
        ([0.1, 0.2, 0.3, 0.3], [0.0, 0.0, 0.0, 0.0], 0.5, 0.0),
        ([0.1, 0.3, 0.3, 0.3], [0.2, 0.1, 0.0, 0.1], 0.5, 0.0),  # 0.1 + 2·0.2 = 0.3 + 2·0.1
        ([None, None, 0.3, 0.2], [None, None, 0.1, None], 0.5, 0.5),
        ([None, 0.2, 0.3, 0.2], [None, None, None, 0.0], 0.5, 0.25),  # a group of one has no spread
    ],
)
def test_the_observer_sums_as_training_does(f, g, flat, abstained):
    logged = Watched({"f": 1.0, "g": 2.0}).batch([""] * 4, f=f, g=g)
    assert logged["answers/frac_reward_zero_std"] == flat
    assert logged["answers/abstained"] == abstained


def test_completions_are_kept_with_their_step_and_group(tmp_path):
    watched = Watched({"f": 1.0, "g": 0.0}, keep=tmp_path / "kept.jsonl")
    for _ in range(2):
        watched.batch(["a", "b", "ç", "none"], g=[9.0] * 4, f=[0.0, 1.0, None, 1.0])
    lines = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert [line["group"] for line in lines] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert lines[2] == {
        "step": 3,
        "group": 1,
        "id": "d2",
        "completion": "ç",
        "reward": 0.0,
        "rewards": {"g": 9.0, "f": None},
    }


def test_steps_that_will_be_made_again_are_forgotten_and_half_a_line_too(tmp_path):
    path = tmp_path / "monitor.jsonl"
    assert truncate_after_step(path, 3) == []
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert truncate_after_step(path, 2) == [{"step": 1}, {"step": 2}]
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
