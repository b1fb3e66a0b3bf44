"""What a reward does stays with it: its data, what it prints, and how it ends."""

import asyncio
import os
import pickle
import threading
import time

import pytest

from scl_rl.reward.consistency import consistency
from scl_rl.reward.evidence import evidence
from scl_rl.rewards_api.call import RewardError, call_reward
from scl_rl.rewards_api.contain import contained, own_copy
from scl_rl.rewards_api.load import bind
from scl_rl.rewards_api.protocol import ChecksArguments, Explains, Needs, Verifies
from scl_rl.rewards_api.validated import validated_reward
from scl_rl.rewards_api.weighted import WeightedReward, WeightedRewards

GOLD = [{"code": "J11", "system": "ICD-10-CM", "mentions": [[[4, 7]]]}]


def rows():
    return [
        {"prompt": [{"role": "user", "content": "p"}], "id": "a", "text": "Has flu.", "annotations": GOLD}
    ]


def clears(completions, annotations, prompts, **_):
    for found in annotations:
        found[0].clear()
        found.clear()
    prompts[0][0]["content"] = "gone"
    completions[0][0]["content"] = "gone"
    return [0.0] * len(completions)


def reads(completions, annotations, prompts, **_):
    right = annotations == [GOLD] and prompts[0][0]["content"] == "p" and completions[0][0]["content"] == "x"
    return [2.0 if right else 0.0]


def test_a_reward_that_changes_its_columns_changes_nobody_elses():
    given, completions = rows(), [[{"role": "assistant", "content": "x"}]]
    both = WeightedRewards((WeightedReward("a", clears), WeightedReward("b", reads)))
    assert both.score(given, completions) == [2.0]
    assert given == rows() and completions[0][0]["content"] == "x"
    prompts = [given[0]["prompt"]]
    columns = {"prompts": prompts, **{key: [given[0][key]] for key in ("id", "text", "annotations")}}
    seen = []
    for function, value in ((clears, 0.0), (reads, 2.0)):
        reward = validated_reward(function, "mine", None, lambda *call: seen.append(call[3]))
        assert reward(completions=completions, **columns) == [value]
    assert seen[0]["annotations"] == seen[1]["annotations"] == [GOLD]


def test_what_rows_share_is_copied_once():
    shared = [{"a": [1]}]
    copied = own_copy({"x": [shared, shared], "y": (1,)})
    assert copied == {"x": [shared, shared], "y": (1,)}
    assert copied["x"][0] is copied["x"][1] and copied["x"][0] is not shared
    assert copied["x"][0][0]["a"] is not shared[0]["a"]
    circle = []
    circle.append(circle)
    assert own_copy(circle)[0][0] is not circle


def test_outputs_come_back_when_the_last_one_leaves(capfd):
    """Two async rewards at once, the first one in being the first one out."""

    async def waiting(seconds):
        with contained():
            await asyncio.sleep(seconds)
            print("inside")

    async def both():
        await asyncio.gather(waiting(0.01), waiting(0.03))

    asyncio.run(both())
    print("outside")
    os.system("echo below")
    assert capfd.readouterr().out.split() == ["outside", "below"]


def test_only_the_rewards_own_thread_is_kept_from_leaving(monkeypatch):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)

    def leaving(**_):
        thread = threading.Thread(target=os._exit, args=(7,))  # such as one that watches the runner
        thread.start()
        thread.join()
        os._exit(0)

    with pytest.raises(RewardError, match=r"SystemExit at test_contain\.py"):
        call_reward(leaving, rows(), ["x"])
    assert left == [7]
    os._exit(8)
    assert left == [7, 8]


@pytest.mark.parametrize("stop", [SystemExit(0), GeneratorExit()])
def test_a_reward_that_leaves_in_training_is_reported(stop):
    def leaving(**_):
        raise stop

    def failed(error, report):
        raise RuntimeError(report["problem"])

    reward = validated_reward(leaving, "mine", failed, None)
    with pytest.raises(RuntimeError, match=f"reward 'mine': row 0 .*{type(stop).__name__}"):
        reward(completions=["x"], prompts=["p"], id=["a"])


def test_a_weight_that_takes_a_reward_out_of_range_is_told():
    large = WeightedReward("large", lambda **_: [1.0], 1e19)
    with pytest.raises(RewardError) as caught:
        WeightedRewards((large,)).score(rows(), ["x"])
    told = "row 0 (a) gave 1.0; a reward times its weight 1e+19 lies within ±1e+18"
    assert str(caught.value) == f"reward 'large': {told}"


def test_what_a_reward_offers_is_declared():
    def plain(completions, **_):
        return []

    offers = (Explains, ChecksArguments, Needs, Verifies)
    assert [isinstance(plain, offer) for offer in offers] == [False] * 4
    assert [isinstance(evidence, offer) for offer in offers] == [True, True, False, False]
    assert [isinstance(consistency, offer) for offer in offers] == [True] * 4
    plain.check_arguments = print
    assert isinstance(plain, ChecksArguments)


def test_our_rewards_travel_between_processes():
    assert pickle.loads(pickle.dumps(evidence)) is evidence
    assert pickle.loads(pickle.dumps(consistency)) is consistency
    bound = pickle.loads(pickle.dumps(bind(evidence, {"answer": "lines", "beta": 2.0})))
    assert (bound.func, bound.keywords, bound.__name__) == (
        evidence,
        {"answer": "lines", "beta": 2.0},
        "evidence",
    )


def test_a_copy_costs_little_next_to_a_step():
    """A batch of 512 completions with 20 annotated codes each, where nothing is shared."""
    columns = {"annotations": [[{**GOLD[0], "mentions": [[[4, 7]]]} for _ in range(20)] for _ in range(512)]}
    started = time.perf_counter()
    own_copy(columns)
    assert time.perf_counter() - started < 2.0
