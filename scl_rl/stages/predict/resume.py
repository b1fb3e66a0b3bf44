"""What prediction that was killed has left, and whether it is of the same work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...atomic import descriptor, is_special
from ...checksum import length_and_crc
from ...corpus.types import Document
from ...modeling.journal import AnswerJournal
from ..shared.prompting import Prompting


@contextmanager
def answers_kept(out: Path | None, key: dict[str, Any]) -> Iterator[AnswerJournal | None]:
    """Keep answers beside a file, in ``.NAME.partial``, until the file is there.

    What is killed and done again ends with the same file and asks the model nothing twice. Nothing is kept
    beside a standard stream, a pipe or a folder.

    Args:
        key: what the answers depend on; those of other work are not used.
    """
    if out is None or out.is_dir() or descriptor(out) is not None or is_special(out):
        yield None
        return
    journal = AnswerJournal(out.with_name(f".{out.name}.partial"), key)
    try:
        yield journal
    except BaseException:
        journal.close()
        raise
    journal.remove()


def key_of(
    model: Path,
    documents: Sequence[Document],
    prompting: Prompting,
    max_new_tokens: int,
    batch_size: int,
    codes: Collection[str] | None,
) -> dict[str, Any]:
    """What the answers depend on: the model's files, the documents, the settings, the libraries' versions."""
    files = sorted(path for path in model.iterdir() if path.is_file())
    return {
        "model": {path.name: length_and_crc(path) for path in files},
        "documents": _digest([(document.id, document.text) for document in documents]),
        "prompt": (
            prompting.template,
            prompting.chat,
            prompting.answer,
            prompting.window,
            prompting.overlap,
        ),
        "max_new_tokens": max_new_tokens,
        "batch_size": batch_size,
        "codes": None if codes is None else _digest(list(codes)),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "scl-rl")},
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
