"""Generation: a batch changes nothing but speed, and a prompt is read once for all its answers."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from scl_rl.modeling.decode import Decoder, Request, Sampling
from scl_rl.modeling.generate import encode_prompt, generate, generate_groups
from scl_rl.modeling.load import Loaded, load_base
from tests.support.tiny import make_family, make_tiny_model

FAMILIES = ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2"]
PROMPTS = [list(range(1, 1 + length)) for length in (9, 2, 17, 5, 5, 30, 1, 12)]
MOST = 12
ENDS = list(range(0, 60, 4))  # a quarter of the tokens, so that answers end everywhere


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return make_family(request.param)


@pytest.fixture(scope="module")
def llama():
    return make_family("llama")


def alone(model, prompt):
    """What transformers' own generate says, to one prompt at a time."""
    ids = torch.tensor([prompt])
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=MOST,
        do_sample=False,
        eos_token_id=ENDS,
        pad_token_id=0,
    )
    return out[0, len(prompt) :].tolist()


def decoded(model, rows, sampling=None, samples=1, prompts=PROMPTS, **changes):
    requests = [Request(p, str(n), range(samples)) for n, p in enumerate(prompts)]
    return Decoder(model, ENDS, 0, MOST, sampling).answers(requests, rows, **changes)


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_greedy_answers_are_those_of_transformers_whatever_the_batch(model, rows):
    expected = [[alone(model, prompt)] for prompt in PROMPTS]
    assert decoded(model, rows) == expected
    assert len({len(answer) for (answer,) in expected}) > 2  # they end at different places


def test_greedy_answers_with_eager_attention_are_the_same(model):
    before = model.config._attn_implementation
    expected = decoded(model, 3)
    model.set_attn_implementation("eager")
    try:
        assert decoded(model, 3) == expected
    finally:
        model.set_attn_implementation(before)


@pytest.mark.parametrize(
    "sampling",
    [Sampling(5), Sampling(5, 1.3, top_p=0.8), Sampling(5, 0.7, top_k=9), Sampling(5, min_p=0.05)],
    ids=["all", "top_p", "top_k", "min_p"],
)
def test_what_is_sampled_does_not_depend_on_the_batch(llama, sampling):
    whole = decoded(llama, 64, sampling, samples=3)
    assert whole == decoded(llama, 3, sampling, samples=3) == decoded(llama, 7, sampling, samples=3)
    assert len({tuple(answer) for group in whole for answer in group}) > 12
    for number in (0, 5):  # nor on the other prompts and samples
        request = Request(PROMPTS[number], str(number), [2])
        assert Decoder(llama, ENDS, 0, MOST, sampling).answers([request], 1) == [[whole[number][2]]]


def test_another_seed_draws_otherwise(llama):
    assert decoded(llama, 9, Sampling(1)) != decoded(llama, 9, Sampling(2))


def test_the_torch_random_state_is_left_alone(llama):
    before = torch.random.get_rng_state()
    decoded(llama, 9, Sampling(1))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("given", "kept"), [({}, 60), ({"top_k": 3}, 3), ({"top_p": 0.4}, None)])
def test_tokens_are_drawn_as_often_as_the_model_says(llama, given, kept):
    """Of 4,000 draws of the first token, against transformers' own probabilities."""
    prompt, draws = PROMPTS[0], 4000
    sampling = Sampling(0, 0.9, **given)
    answers = Decoder(llama, ENDS, 0, 1, sampling).answers([Request(prompt, "p", range(draws))], draws)
    counts = Counter(token for (token,) in answers[0])
    with torch.no_grad():
        scores = llama(torch.tensor([prompt])).logits[:, -1]
    shares = torch.softmax(sampling.filters()(None, scores), -1)[0].numpy()
    assert all(shares[token] > 0 for token in counts)
    assert kept is None or (shares > 0).sum() == kept
    expected = draws * shares
    often = expected >= 5
    found = np.array([counts[token] for token in range(len(shares))])
    chi2 = ((found - expected)[often] ** 2 / expected[often]).sum()
    assert chi2 < 2 * often.sum() + 10  # its mean is the number of tokens, less one


def test_the_models_own_generate_gives_the_same(model):
    """As it is used where a model's cache can't be cut."""
    for sampling in (None, Sampling(3, 1.1, top_p=0.9)):
        assert decoded(model, 5, sampling, 2, plainly=True) == decoded(model, 5, sampling, 2)


def test_a_model_without_keys_and_values_generates_too():
    mamba = make_family("mamba")
    assert decoded(mamba, 1) == [[alone(mamba, prompt)] for prompt in PROMPTS]


def test_prompts_are_read_once_and_rows_that_ended_are_not_decoded(llama):
    tokens = Counter()

    def count(module, args, kwargs):
        ids = kwargs["input_ids"]
        tokens["read" if ids.shape[1] > 1 else "written"] += ids.numel()

    handle = llama.register_forward_pre_hook(count, with_kwargs=True)
    prompts = [list(range(1, 21))] * 6
    try:
        answers = decoded(llama, 8, Sampling(1), samples=4, prompts=prompts)
    finally:
        handle.remove()
    assert tokens["read"] == sum(map(len, prompts))
    written = [len(answer) for group in answers for answer in group]
    assert min(written) < MOST - 3  # otherwise there was nothing to save
    assert tokens["written"] == sum(written) - len(written)  # the first tokens come from reading


def test_training_resumes_as_it_was(llama):
    llama.train()
    decoded(llama, 4)
    assert llama.training
    llama.eval()
    out = llama(torch.tensor([PROMPTS[0]])).logits
    assert out.requires_grad


class Counting:
    """A rule: the tokens 1, 2, 3 … as far as it goes, and then an end."""

    def __init__(self, last):
        self.next, self.last = 1, last

    def allowed(self):
        mask = np.zeros(50, dtype=bool)
        mask[0 if self.next > self.last else self.next] = True
        return mask

    def take(self, token):
        self.next += 1


@pytest.mark.parametrize("plainly", [False, True])
@pytest.mark.parametrize("sampling", [None, Sampling(1)])
def test_answers_are_held_to_their_rules(llama, sampling, plainly):
    requests = [Request(p, str(n), [0, 1], lambda n=n: Counting(n)) for n, p in enumerate(PROMPTS)] + [
        Request(PROMPTS[0], "free")
    ]
    answers = Decoder(llama, [0], 0, MOST, sampling).answers(requests, 5, plainly=plainly)
    assert answers[:-1] == [[[*range(1, 1 + n), 0]] * 2 for n in range(len(PROMPTS))]
    assert answers[-1][0] != [0]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Loaded:
    folder = make_tiny_model(tmp_path_factory.mktemp("tiny"))
    return load_base(str(folder), folder, "float32")


TEXTS = [f"N:{'word ' * count}\nC:" for count in (3, 1, 9, 2, 5, 4, 4, 7, 6, 8)]


def test_texts_are_answered_in_their_order(loaded):
    answers = generate(loaded, TEXTS, 8, 3)
    for text, answer in zip(TEXTS, answers, strict=True):
        ids = encode_prompt(loaded.tokenizer, text)
        out = loaded.model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False, pad_token_id=0)
        assert loaded.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True) == answer


def test_what_was_interrupted_ends_the_same(loaded):
    def groups(**changes):
        return generate_groups(
            loaded, TEXTS, 8, 1, samples=2, sampling=Sampling(7, 2.0), **{"done": (), **changes}
        )

    whole = list(groups())
    assert sorted(number for number, _ in whole) == list(range(len(TEXTS)))
    assert len(set(itertools.chain(*(answers for _, answers in whole)))) > 10
    for stopped in (1, 4, 9):
        told: list[tuple[int, int]] = []
        rest = list(groups(done={n for n, _ in whole[:stopped]}, progress=lambda *at, to=told: to.append(at)))
        assert whole[:stopped] + rest == whole
        assert told[-1] == (len(TEXTS), len(TEXTS)) and told == sorted(told)


def test_an_adapter_answers_in_the_numbers_of_its_base_and_keeps_its_own():
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        make_family("llama").to(torch.bfloat16), LoraConfig(r=4, target_modules="all-linear")
    )
    weights = {name: weight for name, weight in model.named_parameters() if "lora_" in name}
    for weight in weights.values():
        torch.nn.init.normal_(weight, std=0.1)
        assert weight.dtype == torch.float32
    kept, seen = {name: weight.clone() for name, weight in weights.items()}, set()
    model.register_forward_pre_hook(lambda *_: seen.update(w.dtype for w in weights.values()))
    Decoder(model, ENDS, 0, MOST).answers([Request(prompt) for prompt in PROMPTS], rows=4)
    assert seen == {torch.bfloat16}
    for name, weight in weights.items():
        assert weight.dtype == torch.float32 and weight.requires_grad
        assert torch.equal(weight, kept[name])
