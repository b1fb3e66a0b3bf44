"""huggingface_hub can be let online for one download."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("huggingface_hub")

from tests.upstream.changed import changed

CODE = """
import huggingface_hub
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
import socket

asked = []
def getaddrinfo(host, *args, **kwargs):
    asked.append(host)
    raise socket.gaierror("no network")
socket.getaddrinfo = getaddrinfo

from scl_rl.upstream.network import online

def ask():
    asked.clear()
    try:
        huggingface_hub.model_info("some/model")
    except Exception:
        pass
    return bool(asked)

assert not ask(), "it asked though it was offline"
with online():
    assert ask(), "it did not ask"
assert not ask(), "it asked afterwards"
"""


def test_offline_mode_is_asked_for_at_every_call() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    what = "reads huggingface_hub.constants.HF_HUB_OFFLINE at every request"
    assert done.returncode == 0, changed("huggingface_hub", what, "network") + done.stderr
