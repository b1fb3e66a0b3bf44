"""What ``scl_rl/upstream/adapters.py`` takes peft's layers to compute."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

pytest.importorskip("peft")

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear

from scl_rl.upstream.adapters import LeanLinear, use_lean_layers
from tests.support.tiny import make_family
from tests.upstream.changed import changed

IDS = torch.tensor([[5, 6, 7, 8], [9, 8, 7, 6]])


def adapted(dtype: torch.dtype = torch.float32, **fields: Any) -> Any:
    """A small model with an adapter that does something."""
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM", **fields)
    model = get_peft_model(make_family("llama").to(dtype), config, autocast_adapter_dtype=True)
    torch.manual_seed(1)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.2)
    return model


def scores(model: Any, autocast: bool = False) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The model's, and the gradients of the adapter."""
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        found = model(IDS).logits.float()
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    return found.detach(), list(torch.autograd.grad(found.log_softmax(-1)[..., 0].sum(), trained))


def lean(model: Any) -> Any:
    use_lean_layers(model)
    assert any(type(module) is LeanLinear for module in model.modules())
    assert not any(type(module) is Linear for module in model.modules())
    return model


def test_scores_and_gradients_are_pefts() -> None:
    own, gradients = scores(adapted())
    ours, new = scores(lean(adapted()))
    same = torch.allclose(own, ours, atol=1e-5) and all(
        (a - b).norm() < 1e-4 * a.norm() for a, b in zip(gradients, new, strict=True)
    )
    assert same, changed("peft", "computes a layer of LoRA from lora_A, lora_B and scaling", "adapters")


@pytest.mark.parametrize(("dtype", "autocast"), [(torch.float32, True), (torch.bfloat16, False)])
def test_in_few_bits_it_is_as_near_to_the_truth_as_pefts(dtype: torch.dtype, autocast: bool) -> None:
    exact = scores(adapted(dtype).float())
    for found in (scores(lean(adapted(dtype)), autocast), scores(adapted(dtype), autocast)):
        assert (found[0] - exact[0]).abs().mean() < 0.05 * exact[0].abs().mean()
        for gradient, right in zip(found[1], exact[1], strict=True):
            assert (gradient - right).norm() < 0.1 * right.norm()


@pytest.mark.parametrize(
    "fields",
    [{"lora_dropout": 0.5}, {"use_dora": True}, {"lora_bias": True}],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_not_plain_is_left_to_peft(fields: dict[str, Any]) -> None:
    found = []
    for model in (adapted(**fields), lean(adapted(**fields))):
        torch.manual_seed(2)
        found.append(scores(model.train())[0])
    assert torch.equal(*found)


def test_an_adapter_that_is_off_does_nothing_and_one_that_is_merged_nothing_twice() -> None:
    model = lean(adapted())
    on = model(IDS).logits
    with model.disable_adapter():
        assert torch.allclose(model(IDS).logits, make_family("llama")(IDS).logits)
    assert not torch.allclose(on, make_family("llama")(IDS).logits)
    model.merge_adapter()
    assert torch.allclose(model(IDS).logits, on, rtol=1e-4, atol=1e-5)
