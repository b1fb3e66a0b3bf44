"""The processes that train one stage together, as each of them sees the others.

A stage that was not launched in several is the first of one, and nothing here costs it anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

Value = TypeVar("Value")

RENDEZVOUS_TIMEOUT = timedelta(hours=6)  # for the slowest: the first may be fetching a model

_group: Any = None  # what the processes talk through; None = this is the only one


def join() -> None:
    """Become one of several, as which torch.distributed knows this process.

    They talk over gloo, whatever the gradients take: from any thread, and with no time limit of a GPU's.
    """
    global _group
    import torch.distributed

    _group = torch.distributed.new_group(backend="gloo", timeout=RENDEZVOUS_TIMEOUT)


def leave() -> None:
    """Be alone again."""
    global _group
    import torch.distributed

    _group = None
    torch.distributed.destroy_process_group()


def rank() -> int:
    """This process's number, from 0."""
    return 0 if _group is None else int(_group.rank())


def num_processes() -> int:
    """How many processes there are."""
    return 1 if _group is None else int(_group.size())


def is_main_process() -> bool:
    """Whether this process is the one that speaks and writes."""
    return rank() == 0


def gather(value: Value) -> list[Value]:
    """The values of all processes, in the order of their numbers; each must ask."""
    if _group is None:
        return [value]
    from torch.distributed import all_gather_object

    values: list[Any] = [None] * num_processes()
    all_gather_object(values, value, group=_group)
    return values


def broadcast(value: Value) -> Value:
    """The first process's value; each must ask."""
    return gather(value)[0]


def wait_for_everyone() -> None:
    """Go on when every process has come here."""
    gather(None)


@contextmanager
def main_process_first() -> Iterator[None]:
    """Work that the first process of a machine does before the others, who find it done."""
    leads = os.environ.get("LOCAL_RANK", "0") == "0"
    if not leads:
        wait_for_everyone()
    yield
    if leads:
        wait_for_everyone()
