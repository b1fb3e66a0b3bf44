"""What keeps our processes to installed code and to this machine, and their files to their owner."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

UMASK = 0o077

_SAFE_PATH = {"PYTHONSAFEPATH": "1"}
_NO_TELEMETRY = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}  # TRL reports every trainer made
_OFFLINE = {"HF_HUB_OFFLINE": "1"}  # even for a local model, libraries ask the hub about it
_USERS = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # by which the user says so, or otherwise
_BY_DEFAULT = {"SCL_RL_OFFLINE_BY_DEFAULT": "1"}  # handed on to our processes: it was not the user who did

KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592:"
    "glibc.malloc.hugetlb=1"
}
"""With this in the environment of its start a process keeps the memory that it frees, in large pages.

A step of training frees and takes again hundreds of tensors. To give each back to the system and ask for it
anew, a page at a time, took a tenth to a fifth of a step on two cores of an AMD EPYC. Other C libraries than
glibc ignore it.
"""


@contextmanager
def confined(defaults: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Work whose new files only their owner can read, and whose processes import and look up nothing unasked.

    ``python -c`` and ``python -m``, with which the standard library and accelerate start processes, put the
    working folder first on the import path: a file ``json.py`` that lies there would be run in place of the
    library. And libraries report on their use, and look things up on the Hugging Face Hub, unless told
    otherwise before they are imported. What the user's environment says of that stays as it is. Children
    inherit all of it.

    Args:
        defaults: more of the environment, where the user's says nothing.
    """
    mask = os.umask(UMASK)
    before = dict(os.environ)
    added = {name: value for name, value in {**defaults, **_NO_TELEMETRY}.items() if name not in before}
    if not any(name in before for name in _USERS):
        added |= _OFFLINE | _BY_DEFAULT
    added |= _SAFE_PATH
    os.environ.update(added)
    try:
        yield
    finally:
        os.umask(mask)
        _restore(added, before)


def may_download() -> bool:
    """Whether a model that is not on this machine may be fetched: the user has not said offline."""
    said = [os.environ[name].lower() for name in _USERS if name in os.environ]
    return _BY_DEFAULT.items() <= os.environ.items() or not {"1", "true", "yes", "on"} & set(said)


def _restore(added: Mapping[str, str], before: Mapping[str, str]) -> None:
    for name in added:
        if name in before:
            os.environ[name] = before[name]
        else:
            os.environ.pop(name, None)
