"""Answers kept on disk as they are made, so that work that was killed loses none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..corpus.jsonl import whole_lines, write_jsonl


class AnswerJournal:
    """A file of answers by the number of their prompt, which only its owner can read.

    Attributes:
        answers: what an earlier try left.

    Args:
        key: what the answers depend on. A file with another key is of other work, and is begun anew.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self._path = path
        self.answers = self._left(json.loads(json.dumps(key)))
        lines = [{"number": number, "answer": answer} for number, answer in self.answers.items()]
        write_jsonl(path, [{"key": key}, *lines])  # without half a line at the end
        self._stream = path.open("a", encoding="utf-8", newline="\n")

    def _left(self, key: Mapping[str, Any]) -> dict[int, str]:
        with suppress(OSError, ValueError, KeyError, TypeError):  # a file cut off by a power cut, say
            first, *lines = whole_lines(self._path)
            if first["key"] == key:
                return {line["number"]: line["answer"] for line in lines}
        return {}

    def add(self, number: int, answer: str) -> None:
        """Keep one more."""
        self.answers[number] = answer
        self._stream.write(json.dumps({"number": number, "answer": answer}) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the file for the next try, if it has an answer."""
        self._stream.close()
        if not self.answers:
            self._path.unlink(missing_ok=True)

    def remove(self) -> None:
        """All is done: the file is not needed any more."""
        self._stream.close()
        self._path.unlink(missing_ok=True)
