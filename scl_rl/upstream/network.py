"""The uses of the network: fetching a model that this machine doesn't have, and pushing one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def online() -> Iterator[None]:
    """Let huggingface_hub use the network, though the environment said offline when it was imported.

    Relies on its functions asking ``huggingface_hub.constants.HF_HUB_OFFLINE`` whenever they are called.
    Holds for huggingface_hub 2.4.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
