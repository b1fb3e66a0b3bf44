"""Attention in bfloat16 on CPUs: what ``sdpa`` says, to the last bits, and no more than it can hold."""

from __future__ import annotations

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from scl_rl.modeling import attention
from scl_rl.modeling.load import load_base
from scl_rl.reporter import QUIET
from scl_rl.upstream.models import attention_of
from tests.support.tiny import make_family, make_tiny_model

ROWS, HEADS, KINDS, SIZE = 3, 6, 2, 16


class Layer(torch.nn.Module):
    num_key_value_groups = HEADS // KINDS
    is_causal = True


def states(queries: int, keys: int, dtype: torch.dtype = torch.bfloat16) -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    shapes = [(HEADS, queries), (KINDS, keys), (KINDS, keys)]
    return [
        torch.randn(ROWS, heads, length, SIZE, generator=drawn).to(dtype).requires_grad_()
        for heads, length in shapes
    ]


def padded(queries: int, keys: int) -> torch.Tensor:
    """Each query sees what is before it, but the first row's first two keys are padding."""
    mask = torch.ones(ROWS, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
    mask[0, :, :, :2] = False
    return mask


def result(attend, inputs, mask):
    """What comes out, and the gradients, as float32."""
    out, _ = attend(Layer().eval(), *inputs, mask, dropout=0.0, scaling=None)
    weights = torch.linspace(-1, 1, out.numel()).view(out.shape)
    return out.float(), *(g.float() for g in torch.autograd.grad((out.float() * weights).sum(), inputs))


@pytest.mark.parametrize(
    ("queries", "keys", "mask"),
    [(7, 7, None), (1, 9, None), (5, 12, "padded"), (1, 12, "padded"), (7, 7, "padded")],
)
def test_it_is_sdpa_in_other_products(queries, keys, mask):
    inputs = states(queries, keys)
    given = padded(queries, keys) if mask else None
    exact = result(
        sdpa_attention_forward, [state.detach().float().requires_grad_() for state in inputs], given
    )
    seen = slice(2 if mask and queries == keys else 0, None)  # a query that sees nothing says nothing
    for name, ours, right in zip(
        ("output", "q", "k", "v"), result(attention.attend, inputs, given), exact, strict=True
    ):
        if name in ("output", "q"):
            places = 1 if name == "output" else 2
            ours, right = (each.transpose(1, places)[:, seen] for each in (ours, right))
        if mask and queries == keys and name in ("k", "v"):
            ours, right = ours[1:], right[1:]
        torch.testing.assert_close(ours, right, atol=0.03, rtol=0.03, msg=lambda m, name=name: f"{name}: {m}")


def called(monkeypatch, inputs, mask, **others) -> bool:
    """Whether a call goes to sdpa."""
    calls = []
    monkeypatch.setattr(attention, "sdpa_attention_forward", lambda *a, **k: calls.append(k) or (None, None))
    attention.attend(Layer(), *inputs, mask, **others)
    return bool(calls)


def test_what_it_is_not_made_for_goes_to_sdpa(monkeypatch):
    short, mask = states(5, 12), padded(5, 12)
    assert not called(monkeypatch, short, mask)
    assert called(monkeypatch, states(5, 12, torch.float32), mask)
    assert called(monkeypatch, short, None)  # who sees whom is not known
    assert called(monkeypatch, short, mask.float())
    assert called(monkeypatch, short, mask, dropout=0.1)
    assert called(monkeypatch, short, mask, softcap=30.0)
    monkeypatch.setattr(attention, "_MOST", ROWS * HEADS * 5 * 12 - 1)
    assert called(monkeypatch, short, mask)


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "gemma3"])
def test_a_model_says_the_same_with_it(family):
    model = make_family(family).to(torch.bfloat16).eval()
    ids = torch.tensor([[0, 0, 5, 9, 11, 3], [7, 8, 5, 2, 4, 6]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    before = attention_of(model)
    own = model(input_ids=ids, attention_mask=mask).logits.float().log_softmax(-1)[mask.bool()]
    attention.use_grouped(model)
    assert attention_of(model) == (attention.NAME if before == "sdpa" else before)
    new = model(input_ids=ids, attention_mask=mask).logits.float().log_softmax(-1)[mask.bool()]
    assert float((own - new).detach().abs().mean()) < 0.02


def test_models_are_loaded_with_it_and_saved_without(tmp_path):
    loaded = load_base(str(make_tiny_model(tmp_path / "tiny")), tmp_path, "bfloat16", reporter=QUIET)
    assert attention_of(loaded.model) == attention.NAME
    loaded.model.save_pretrained(tmp_path / "saved")
    assert attention.NAME not in (tmp_path / "saved" / "config.json").read_text()
