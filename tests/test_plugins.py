"""Reward plugins: found, loaded, called and tried; what is wrong with one is said in one line."""

import functools

import pytest

from scl_rl.errors import UserError
from scl_rl.plugins.call import RewardError, call_reward

ROWS = [
    {"prompt": "p", "id": "a", "text": "Has flu.", "annotations": []},
    {"prompt": "p", "id": "b", "text": "Has HTN.", "annotations": None},
]


def test_a_reward_is_called_as_trl_calls_it():
    seen = {}

    def reward(**keywords):
        seen.update(keywords)
        keywords["log_metric"]("size", 2.0)
        return [1, None]

    logged = []
    given = call_reward(reward, ROWS, ["x", "y"], log_metric=lambda *pair: logged.append(pair))
    assert given == [1.0, None]
    assert logged == [("size", 2.0)]
    assert seen["prompts"] == ["p", "p"] and seen["completions"] == ["x", "y"]
    assert seen["text"] == ["Has flu.", "Has HTN."] and seen["annotations"] == [[], None]
    assert seen["trainer_state"].global_step == 0
    assert "prompt" not in seen and "completion_ids" not in seen


def test_async_rewards_partials_and_instances_are_run():
    async def slow(completions, scale=1.0, **_):
        return [scale * len(c) for c in completions]

    class Judge:
        async def __call__(self, completions, **_):
            return [0.5 for _ in completions]

    assert call_reward(functools.partial(slow, scale=2.0), ROWS, ["x", "yy"]) == [2.0, 4.0]
    assert call_reward(Judge(), ROWS, ["x", "yy"]) == [0.5, 0.5]


def test_numbers_of_any_library_are_numbers():
    numpy = pytest.importorskip("numpy")
    for values in (
        numpy.array([1.0, 0.5]),
        [numpy.float32(1), numpy.float64(0.5)],
        (1.0, 0.5),
        iter([1, 0.5]),
    ):
        given = call_reward(lambda values=values, **_: values, ROWS, ["x", "y"])
        assert given == [1.0, 0.5] and all(type(value) is float for value in given)
    assert call_reward(lambda **_: [True, False], ROWS, ["x", "y"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1, float("nan")], "row 1 (b) gave nan; a reward is a finite number or None"),
        ([float("-inf"), 1], "row 0 (a) gave -inf; a reward is a finite number or None"),
        ([1, 1e30], "row 1 (b) gave 1e+30; a reward lies within ±1e+18"),
        (["1.0", 1], "row 0 (a) gave a str; a reward is a finite number or None"),
        ([1, [1]], "row 1 (b) gave a list; a reward is a finite number or None"),
        ([1], "gave 1 rewards for 2 rows"),
        (0.5, "gave 0.5 instead of a list, one reward a row"),
        (None, "gave None instead of a list, one reward a row"),
        ("ab", "gave a str instead of a list, one reward a row"),
    ],
)
def test_what_is_no_reward_is_told_with_function_row_and_value(given, told):
    with pytest.raises(RewardError) as caught:
        call_reward(lambda **_: given, ROWS, ["x", "y"], name="mine")
    assert str(caught.value) == f"reward 'mine': {told}"


def test_an_exception_names_the_row_that_causes_it_or_all_of_them():
    def ratio(completions, **_):
        return [1 / len(completion) for completion in completions]

    with pytest.raises(UserError) as caught:
        call_reward(ratio, ROWS, ["x", ""])
    line = ratio.__code__.co_firstlineno + 1
    told = f"row 1 (b): ZeroDivisionError: division by zero (test_plugins.py:{line})"
    assert str(caught.value) == f"reward 'ratio': {told}"
    assert caught.value.row == 1

    def crowded(completions, **_):
        if len(completions) > 1:
            raise RuntimeError("one at a time\nplease")
        return [0.0]

    with pytest.raises(RewardError, match=r"rows 0 to 1: RuntimeError: one at a time \("):
        call_reward(crowded, ROWS, ["x", "y"])


def test_errors_travel_between_processes():
    import pickle

    with pytest.raises(RewardError) as caught:
        call_reward(lambda **_: [1, "x"], ROWS, ["x", "y"], name="mine")
    back = pickle.loads(pickle.dumps(caught.value))
    assert (str(back), back.row, back.problems) == (str(caught.value), 1, caught.value.problems)
