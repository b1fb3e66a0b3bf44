"""A teacher's answers, kept on disk as they come: what was paid for once is not asked again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from ...atomic import PRIVATE_FILE, PRIVATE_FOLDER
from ...errors import Problem, UserError
from .questions import Reply


class AnswerCache:
    """A file of answers, a line each, which only its owner can read. Several processes may add to it.

    Args:
        path: None keeps answers in memory alone.

    Raises:
        UserError: the file can't be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        self._answers: dict[str, Reply] = {}
        self._lock = Lock()
        self._handle: int | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
            os.fchmod(self._handle, PRIVATE_FILE)
            content = path.read_bytes()
        except OSError as error:
            raise UserError(Problem(str(path), f"can't be used: {error.strerror}")) from error
        for line in content.split(b"\n"):
            with suppress(ValueError, KeyError, TypeError):  # half a line, of a process that was killed
                kept = json.loads(line)
                self._answers[kept["key"]] = Reply(str(kept["text"]), bool(kept["finished"]))
        if content and not content.endswith(b"\n"):
            os.write(self._handle, b"\n")

    @staticmethod
    def key(asked: Mapping[str, Any]) -> str:
        """What an answer is known by: all that it depends on."""
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def get(self, key: str) -> Reply | None:
        """The answer, if it is known."""
        return self._answers.get(key)

    def add(self, key: str, reply: Reply) -> None:
        """Keep one more."""
        line = json.dumps({"key": key, "text": reply.text, "finished": reply.finished}) + "\n"
        with self._lock:
            self._answers[key] = reply
            if self._handle is not None:
                os.write(self._handle, line.encode())

    def close(self) -> None:
        """No more is added."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
