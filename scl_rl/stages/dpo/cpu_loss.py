"""TRL's preference losses where there is no GPU: only the answers go through the language-model head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answer_positions_alone() -> Iterator[None]:
    """Let TRL's fused head leave out, on a CPU, the positions that have no label.

    It does so on GPUs. Elsewhere it scores every position, so that shapes stay the same for compilers, and
    masks the rest afterwards: the same figures, in float32, for prompts several times as long as answers.
    """
    from trl.trainer import utils

    before = utils._use_triton  # what the head asks before leaving positions out, and nothing else there
    utils._use_triton = lambda device: True
    try:
        yield
    finally:
        utils._use_triton = before
