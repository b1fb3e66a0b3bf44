"""huggingface_hub and datasets can be let online for one download."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("huggingface_hub")

from tests.upstream.changed import changed

CODE = """
import {library}
import socket

asked = []
def getaddrinfo(host, *args, **kwargs):
    asked.append(host)
    raise SystemExit  # which nobody tries again
socket.getaddrinfo = getaddrinfo

from scl_rl.upstream.network import online

def ask():
    asked.clear()
    try:
        {call}
    except (Exception, SystemExit):
        pass
    return bool(asked)

assert not ask(), "it asked though it was offline"
with online():
    assert ask(), "it did not ask"
assert not ask(), "it asked afterwards"
"""


@pytest.mark.parametrize(
    ("library", "call", "name"),
    [
        ("huggingface_hub", 'huggingface_hub.model_info("some/model")', "huggingface_hub.constants"),
        ("datasets", 'datasets.load_dataset("some/set", streaming=True)', "datasets.config"),
    ],
)
def test_offline_mode_is_asked_for_at_every_call(library: str, call: str, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("{library}", library).replace("{call}", call)],
        env={"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    what = f"reads {name}.HF_HUB_OFFLINE at every request"
    assert done.returncode == 0, changed(library, what, "network") + done.stderr
