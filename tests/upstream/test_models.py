"""What ``scl_rl/upstream/models.py`` takes models to carry with them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from scl_rl.upstream.models import cpu_has_bfloat16  # noqa: E402
from tests.upstream.changed import changed  # noqa: E402

MODULE = "models"


def test_torch_knows_whether_the_processor_has_bfloat16() -> None:
    what = "has the operator torch.ops.mkldnn._is_mkldnn_bf16_supported"
    assert hasattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported"), changed("torch", what, MODULE)
    assert cpu_has_bfloat16() is bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
