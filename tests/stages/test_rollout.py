"""The answers that GRPO rewards: sampled as TRL asks, whatever they are sampled beside."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from trl import GRPOConfig  # noqa: E402

from scl_rl.modeling import ranks  # noqa: E402
from scl_rl.stages.grpo.rollout import Rollout  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

PROMPTS = ["N:Has HTN.\nC:", [{"role": "user", "content": "Flu?"}], "N:Flu.\nC:"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("rollout") / "tiny")


def config(**fields):
    return GRPOConfig(
        **{"output_dir": "-", "use_cpu": True, "bf16": False, "max_completion_length": 12, **fields}
    )


def trainer(tiny, step=0, group=4):
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).train()
    return SimpleNamespace(
        model=model,
        num_generations=group,
        processing_class=AutoTokenizer.from_pretrained(tiny),
        state=SimpleNamespace(global_step=step),
        eos_token_ids=[0],
    )


def rows(prompts, group=4):
    return [prompt for prompt in prompts for _ in range(group)]


def test_answers_come_in_the_order_of_the_prompts_and_end_where_they_ended(tiny):
    ours = trainer(tiny)
    ours.eos_token_ids = range(40)  # ends that are likely
    given = Rollout(config(temperature=1.5))(rows(PROMPTS), ours)
    tokenizer = ours.processing_class
    expected = [
        tokenizer(PROMPTS[0])["input_ids"],
        tokenizer.apply_chat_template(PROMPTS[1], add_generation_prompt=True, return_dict=True)["input_ids"],
        tokenizer(PROMPTS[2])["input_ids"],
    ]
    assert given["prompt_ids"] == rows(expected) and given["logprobs"] is None
    answers = given["completion_ids"]
    assert len(answers) == 12 and {len(answer) for answer in answers} > {12}
    assert all(min(answer[:-1], default=40) >= 40 for answer in answers)
    assert all(len(answer) == 12 or answer[-1] < 40 for answer in answers)
    assert len(set(map(tuple, answers))) > 6
    assert ours.model.training and all(p.requires_grad for p in ours.model.parameters())


def test_what_is_sampled_depends_on_seed_step_prompt_and_number_alone(tiny, monkeypatch):
    def sampled(prompts, step=0, seed=42):
        return Rollout(config(seed=seed))(prompts, trainer(tiny, step))["completion_ids"]

    whole = sampled(rows(PROMPTS))
    assert sampled(rows(PROMPTS)) == whole
    assert sampled(rows(PROMPTS[:1])) == whole[:4]  # without the others
    assert sampled(rows(PROMPTS), step=1) != whole and sampled(rows(PROMPTS), seed=1) != whole
    torch.manual_seed(5)
    assert sampled(rows(PROMPTS)) == whole
    # of three processes, each has one group; of six, each has half of one
    for size in (4, 2):
        parts = []
        for rank in range(12 // size):
            monkeypatch.setattr(ranks, "rank", lambda rank=rank: rank)
            parts += sampled(rows(PROMPTS)[rank * size : (rank + 1) * size])
        assert parts == whole


@pytest.mark.parametrize(
    "fields",
    [
        {"repetition_penalty": 1.1},
        {"generation_kwargs": {"num_beams": 2}},
        {"cache_implementation": "static"},
    ],
)
def test_what_trl_alone_can_do_is_left_to_it(fields):
    assert Rollout.can_replace(config()) and not Rollout.can_replace(config(**fields))
