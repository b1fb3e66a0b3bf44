"""Imported by a process of a test: from then on it finds no network, and writes down what it asked for."""

import os
import socket
import traceback
from pathlib import Path
from typing import Any

ASKED = Path(os.environ["SCL_RL_TEST_ASKED"])
_connect = socket.socket.connect


def _note(what: str) -> None:
    with ASKED.open("a", encoding="utf-8") as stream:
        stream.write(what + "\n" + "".join(traceback.format_stack(limit=30)))


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _note(f"asked for {host}")
    raise socket.gaierror("there is no network in this test")


def _refuse(self: socket.socket, address: Any) -> None:
    if self.family == socket.AF_UNIX:  # between our processes
        return _connect(self, address)
    _note(f"asked for {address}")
    raise OSError("there is no network in this test")


socket.getaddrinfo = _getaddrinfo
socket.socket.connect = _refuse  # type: ignore[method-assign,assignment]
