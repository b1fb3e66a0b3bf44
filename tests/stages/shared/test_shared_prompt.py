"""Each prompt read once for all its answers: the same figures, gradients and weights as TRL's own way."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from datasets import Dataset  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from trl import DPOConfig, GRPOConfig, GRPOTrainer  # noqa: E402
from trl.trainer.utils import add_fused_lm_head  # noqa: E402

from scl_rl.errors import UserError  # noqa: E402
from scl_rl.modeling.shared_prompt import of_like_length  # noqa: E402
from scl_rl.stages.shared.shared_prompt import _forward, share_prompts  # noqa: E402
from scl_rl.upstream.shared_prompt import GroupedGRPOTrainer, shuffle_groups  # noqa: E402
from scl_rl.upstream.trainers import EncodedDPOTrainer  # noqa: E402
from tests.support.tiny import make_family, make_tiny_model  # noqa: E402

EVERY_FIELD = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1")
ON_CPU = {
    "gradient_checkpointing": False,
    "use_cpu": True,
    "bf16": False,
    "report_to": "none",
    "disable_tqdm": True,
}


def context(said=None):
    return SimpleNamespace(name="stage", say=[].append if said is None else said.append)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("shared") / "tiny")


def ragged(lengths, seed=0):
    """Ids, mask and labels of four prompts' answers of these lengths, padded on both sides."""
    rng = torch.Generator().manual_seed(seed)
    prompts = [torch.randint(1, 60, (n,), generator=rng) for n in (5, 12, 12, 9)]
    width, longest = max(map(len, prompts)), max(lengths)
    ids = torch.zeros(len(lengths), width + longest, dtype=torch.long)
    mask, labels = ids.clone(), ids - 100
    for row, (number, length) in enumerate(zip((0, 1, 1, 2, 3, 0, 0, 2), lengths, strict=True)):
        start = width - len(prompts[number])
        ids[row, start:width], mask[row, start : width + length] = prompts[number], 1
        answer = torch.randint(1, 60, (length,), generator=rng)
        ids[row, width : width + length] = labels[row, width : width + length] = answer
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


@pytest.fixture
def one_length_a_call(monkeypatch):
    """Answers are read together only if they have the same length."""
    monkeypatch.setattr("scl_rl.modeling.shared_prompt._CALL", {"cpu": 0})


def test_answers_in_several_calls_have_the_same_figures(one_length_a_call):
    check_figures("llama", checkpointing=True)
    check_figures("gemma3", checkpointing=False)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2"])
def test_every_figure_and_every_gradient_is_that_of_whole_rows(family, checkpointing):
    check_figures(family, checkpointing)


def check_figures(family, checkpointing):
    said = []
    model = make_family(family).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    add_fused_lm_head(model, temperature=0.7, outputs=EVERY_FIELD)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    own = model.forward
    model.forward = _forward(model, "on", context(said), speaks=True)
    batch = ragged([3, 7, 1, 9, 4, 2, 6, 0])
    found = []
    for forward in (own, model):
        model.zero_grad()
        output = forward(**batch, fused_lm_head=True)
        (output.log_probs.sum() + 0.3 * output.entropy.sum()).backward()
        found.append((output, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}))
    (whole, gradients), (shared, shared_gradients) = found
    if family == "gpt2" and checkpointing:
        why = "the model can't continue a prompt that was read before (AttributeError)"
        assert said == [f"stage: warning: prompts are not shared: {why}"]
    else:
        assert len(said) == 1 and said[0].startswith("stage: each prompt is read once for all its answers; ")
    for name in EVERY_FIELD:
        assert torch.allclose(whole[name].float(), shared[name].float(), atol=1e-5), name
    assert torch.equal(whole.label_mask, shared.label_mask)
    assert whole.loss.item() == pytest.approx(shared.loss.item(), rel=1e-5)
    assert gradients.keys() == shared_gradients.keys()
    for name, gradient in gradients.items():
        assert (gradient - shared_gradients[name]).norm() <= 1e-5 * gradient.norm() + 1e-7, name


def given_answers(prompts, trainer):
    """Answers of several lengths, one of them empty, which depend on the prompt and its turn alone."""
    tokenizer, turns, answers = trainer.processing_class, {}, []
    for prompt in prompts:
        turns[prompt] = turns.get(prompt, -1) + 1
        rng = random.Random(f"{prompt} {turns[prompt]} {trainer.state.global_step}")
        answers.append([*(rng.randrange(1, 250) for _ in range(rng.choice([0, 0, 3, 7, 12]))), 0])
    ids = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    return {"prompt_ids": ids, "completion_ids": answers, "logprobs": None}


def earned(completions, **_):
    return [float(len(completion) % 5) for completion in completions]


PROMPTS = ["N:Has HTN.\nC:", "N:He has had a cough for a week.\nC:", "N:Flu.\nC:", "N:None of it.\nC:"]


def load(tiny, adapter):
    model = make_tiny(tiny)
    if adapter:
        torch.manual_seed(3)
        config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
        model = get_peft_model(model, config)
    return model


def make_tiny(tiny):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)


def trained(trainer):
    trainer.train()
    return {n: p.detach().clone() for n, p in trainer.model.named_parameters() if p.requires_grad}


def grpo(tiny, folder, kind, choice, adapter, said=None, **fields):
    wanted = {"per_device_train_batch_size": 8, "num_generations": 4, "max_steps": 3, "beta": 0.1, **fields}
    config = GRPOConfig(
        output_dir=str(folder), learning_rate=1e-3, max_completion_length=16, logging_steps=1,
        save_strategy="no", **{**ON_CPU, **wanted},
    )  # fmt: skip
    trainer = kind(
        model=load(tiny, adapter), args=config, reward_funcs=earned, rollout_func=given_answers,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in PROMPTS]),
        processing_class=AutoTokenizer.from_pretrained(tiny),
    )  # fmt: skip
    assert share_prompts(trainer, choice, context(said)) == (choice != "off")
    return trained(trainer)


def the_same(one, other):
    assert one.keys() == other.keys() and one
    whole, apart = (
        torch.cat([of(name).flatten() for name in one]) for of in (one.get, lambda n: one[n] - other[n])
    )
    assert apart.norm() <= 1e-5 * whole.norm()


LOSSES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]


@pytest.mark.parametrize("adapter", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_grpo_ends_with_trls_own_weights(tiny, tmp_path, loss, adapter):
    said = []
    own = grpo(tiny, tmp_path, GRPOTrainer, "off", adapter, loss_type=loss)
    ours = grpo(tiny, tmp_path, GroupedGRPOTrainer, "on", adapter, said, loss_type=loss)
    assert len(said) == 1 and "each prompt is read once" in said[0]
    the_same(own, ours)


@pytest.mark.parametrize("adapter", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"num_generations": 2, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2},
        {"num_generations": 8, "beta": 0.0, "num_iterations": 2},
        {"per_device_train_batch_size": 6, "gradient_accumulation_steps": 2},  # groups are cut in two
        {"mask_truncated_completions": True, "temperature": 0.7, "top_entropy_quantile": 0.5},
        {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}},
    ],
    ids=["pairs", "iterations", "cut groups", "masks", "checkpointing"],
)
def test_grpo_settings_change_nothing_in_that(tiny, tmp_path, fields, adapter):
    own = grpo(tiny, tmp_path, GRPOTrainer, "off", adapter, **fields)
    the_same(own, grpo(tiny, tmp_path, GroupedGRPOTrainer, "on", adapter, **fields))


@pytest.mark.parametrize("adapter", [False, True])
def test_grpo_with_answers_in_several_calls(tiny, tmp_path, adapter, one_length_a_call):
    own = grpo(tiny, tmp_path, GRPOTrainer, "off", adapter)
    the_same(own, grpo(tiny, tmp_path, GroupedGRPOTrainer, "on", adapter))


def test_old_log_probabilities_of_generations_that_last_several_steps(tiny, tmp_path):
    fields = {
        "per_device_train_batch_size": 4,
        "steps_per_generation": 2,
        "num_iterations": 2,
        "max_steps": 4,
    }
    own = grpo(tiny, tmp_path, GroupedGRPOTrainer, "off", True, **fields)
    the_same(own, grpo(tiny, tmp_path, GroupedGRPOTrainer, "on", True, **fields))


PAIRS = [
    {"prompt_ids": "N:Has HTN.\nC:", "chosen_ids": '"HTN" => I10', "rejected_ids": ""},
    {"prompt_ids": "N:He coughs day and night.\nC:", "chosen_ids": '"cough" => R05', "rejected_ids": "none"},
    {"prompt_ids": "N:Flu.\nC:", "chosen_ids": '"Flu" => J11\n"F" => I10', "rejected_ids": '"l" => J11'},
    {"prompt_ids": "N:None of it.\nC:", "chosen_ids": "none", "rejected_ids": '"None of it" => I10'},
]  # fmt: skip


def dpo(tiny, folder, choice, adapter, said=None, **fields):
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    rows = [
        {
            key: tokenizer(text)["input_ids"] + ([0] if key != "prompt_ids" else [])
            for key, text in pair.items()
        }
        for pair in PAIRS
    ]
    wanted = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 3, **fields}
    config = DPOConfig(
        output_dir=str(folder),
        learning_rate=1e-3,
        max_length=None,
        save_strategy="no",
        **{**ON_CPU, **wanted},
    )
    trainer = EncodedDPOTrainer(
        model=load(tiny, adapter),
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    assert share_prompts(trainer, choice, context(said)) == (choice != "off")
    return trained(trainer)


@pytest.mark.parametrize("adapter", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        *({"loss_type": [loss]} for loss in (
            "sigmoid", "hinge", "ipo", "nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
            "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm",
        )),
        {"loss_type": ["robust"], "label_smoothing": 0.1},
        {"loss_type": ["exo_pair"], "label_smoothing": 0.1},
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5], "ld_alpha": 0.5},
        {"use_weighting": True, "precompute_ref_log_probs": True},
        {"gradient_checkpointing": True},
    ],
    ids=lambda fields: "+".join([*fields.get("loss_type", []), *(f for f in fields if f != "loss_type")]),
)  # fmt: skip
def test_dpo_ends_with_trls_own_weights(tiny, tmp_path, fields, adapter):
    said = []
    own = dpo(tiny, tmp_path, "off", adapter, **fields)
    the_same(own, dpo(tiny, tmp_path, "on", adapter, said, **fields))
    assert len(said) == 1 and "each prompt is read once" in said[0]


def test_where_the_two_ways_differ_it_is_trls_own(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "scl_rl.modeling.shared_prompt._Answers._before", lambda self, states: 0 * states[self._prompts]
    )
    said = []
    ours = grpo(tiny, tmp_path, GroupedGRPOTrainer, "on", False, said)
    assert all("warning: prompts are not shared: log-probabilities differ by" in line for line in said)
    assert len(said) == 2  # of the policy, and of the reference
    the_same(grpo(tiny, tmp_path, GroupedGRPOTrainer, "off", False), ours)


def test_a_prompt_is_read_once_for_its_answers(tiny, tmp_path, monkeypatch):
    read = []
    model = make_tiny(tiny)
    add_fused_lm_head(model)
    whole = model.base_model.forward

    def counted(*args, **kwargs):
        read.append(tuple(kwargs["input_ids"].shape))
        return whole(*args, **kwargs)

    batch = ragged([3, 7, 1, 9, 4, 2, 6, 0])
    for choice, first in (("on", True), ("auto", True), ("off", False)):
        model.base_model.forward = whole
        shared = _forward(model, choice, context(), speaks=True)
        forward = model.forward if choice == "off" else shared
        forward(**batch, fused_lm_head=True)  # and compared
        model.base_model.forward = counted
        read.clear()
        forward(**batch, fused_lm_head=True)
        assert read == ([(4, 11), (7, 9)] if first else [(8, 21)])


def test_auto_leaves_alone_what_would_save_nothing(tiny):
    said = []
    model = make_tiny(tiny)
    add_fused_lm_head(model)
    own = model.forward
    ids = torch.randint(1, 250, (2, 43))
    ids[1, :3] = ids[0, :3]
    labels = ids.clone()
    labels[:, :3] = -100
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    _forward(model, "auto", context(said), speaks=True)(**batch, fused_lm_head=True)
    assert said == ["stage: prompts are not shared where 95% of the tokens would still be read"]
    said.clear()
    shared = _forward(model, "on", context(said), speaks=True)(**batch, fused_lm_head=True)
    assert torch.allclose(shared.log_probs, own(**batch, fused_lm_head=True).log_probs, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"torch_compile": True}, "torch_compile is on"),
        (
            {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}},
            "gradient_checkpointing_kwargs has use_reentrant: true",
        ),
    ],
)
def test_what_stands_against_it_is_said(tiny, tmp_path, fields, reason):
    with pytest.raises(UserError) as caught:
        dpo(tiny, tmp_path, "on", False, **fields)
    assert str(caught.value) == f"stage 'stage': shared_prompt can't be on: {reason}; use auto or off"


def test_groups_stay_together_in_random_order():
    prompts = torch.tensor([[number] for number in (7, 7, 7, 8, 8, 9, 9, 9)])
    orders = set()
    for seed in range(20):
        torch.manual_seed(seed)
        rows = shuffle_groups(
            {"prompt_ids": prompts, "names": list("abcdefgh"), "sum": torch.tensor(3), "no": None}
        )
        assert sorted(rows["names"]) == list("abcdefgh") and rows["sum"] == 3 and rows["no"] is None
        of = [int(prompt) for prompt in rows["prompt_ids"]]
        assert sum(a != b for a, b in pairwise(of)) == 2
        assert [{**dict.fromkeys("abc", 7), **dict.fromkeys("de", 8)}.get(n, 9) for n in rows["names"]] == of
        orders.add("".join(rows["names"]))
    assert len(orders) > 15


@pytest.mark.parametrize(
    ("lengths", "call", "groups"),
    [
        ([5], 10, [[0]]),
        ([3, 3, 3], 10, [[0, 1, 2]]),
        ([10, 96, 12, 90, 11], 20, [[1, 3], [2, 4, 0]]),
        ([10, 96, 12, 90, 11], 500, [[1, 3, 2, 4, 0]]),
        ([1, 2, 3], 0, [[2], [1], [0]]),
    ],
)
def test_answers_of_like_length_are_read_together(lengths, call, groups):
    assert sorted(of_like_length(lengths, call), key=lambda group: -lengths[group[0]]) == groups


def test_groups_of_like_length_are_the_cheapest():
    """Against every way to cut the sorted lengths."""
    rng = random.Random(0)
    for _ in range(30):
        lengths = [rng.randrange(1, 30) for _ in range(rng.randrange(1, 8))]
        call, ordered = rng.randrange(0, 40), sorted(lengths, reverse=True)

        def cost(groups, call=call):
            return sum(call + len(group) * max(group) for group in groups)

        cheapest = min(
            cost([ordered[a:b] for a, b in pairwise([0, *cuts, len(ordered)])])
            for size in range(len(ordered))
            for cuts in combinations(range(1, len(ordered)), size)
        )
        found = of_like_length(lengths, call)
        assert sorted(place for group in found for place in group) == list(range(len(lengths)))
        assert cost([[lengths[place] for place in group] for group in found]) == cheapest
