"""Writing so that what stands there is either the old or the new, never half of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file."""
    half = path.with_name(f".{path.name}.partial")
    half.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    half.replace(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of ``path`` when all is well."""
    half, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.old")
    for left in (half, old):
        shutil.rmtree(left, ignore_errors=True)
    half.mkdir(parents=True)
    yield half
    if path.exists():
        path.rename(old)
    half.rename(path)
    shutil.rmtree(old, ignore_errors=True)
