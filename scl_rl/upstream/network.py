"""The uses of the network: fetching a model or data set that this machine doesn't have, pushing a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def online() -> Iterator[None]:
    """Let huggingface_hub use the network, though the environment said offline when it was imported.

    So may datasets, if it is imported already. Relies on their functions asking
    ``huggingface_hub.constants.HF_HUB_OFFLINE`` and ``datasets.config.HF_HUB_OFFLINE`` whenever they are
    called. Holds for huggingface_hub 2.4 and datasets 5.2.
    """
    from huggingface_hub import constants

    told = [constants, *([sys.modules["datasets.config"]] if "datasets.config" in sys.modules else [])]
    before = [vars(module)["HF_HUB_OFFLINE"] for module in told]
    for module in told:
        vars(module)["HF_HUB_OFFLINE"] = False
    try:
        yield
    finally:
        for module, offline in zip(told, before, strict=True):
            vars(module)["HF_HUB_OFFLINE"] = offline
