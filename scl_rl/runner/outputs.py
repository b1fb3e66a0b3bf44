"""The files that a finished stage left: recorded with length and checksum, and compared with that later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from ..checksum import length_and_crc
from ..stages.contract import MODEL, StageSettings
from .folder import StageFolder


class FileRecord(BaseModel):
    """A file as it was when its stage was done. A time that differs alone is no change: files get copied."""

    bytes: int
    crc32: int
    mtime_ns: int


MODEL_PAGE = "README.md"
"""The card of a model, beside it. No record of a stage: the report writes it when the run is done."""

Files = Mapping[str, FileRecord]
"""Path in the stage's folder → record."""


def missing(settings: StageSettings, folder: StageFolder) -> list[str]:
    """The outputs that a stage declares and did not leave, optional ones excepted."""
    required = [file for name, file in settings.outputs.items() if name not in settings.optional_outputs]
    return [file for file in required if not (folder.path / file).exists()]


def record(settings: StageSettings | None, folder: StageFolder) -> dict[str, FileRecord]:
    """Record the declared outputs of a finished stage, or all that the data step (None) made."""
    if settings is None:
        made = set(folder.path.iterdir()) - set(folder.own_files())
    else:
        made = {path for name in settings.outputs.values() if (path := folder.path / name).exists()}
    found = {file.relative_to(folder.path).as_posix(): file for file in _files(sorted(made))}
    return {name: _record(file) for name, file in found.items() if name != f"{MODEL}/{MODEL_PAGE}"}


def change(files: Files, folder: StageFolder, verify: bool = False) -> str:
    """How the first of the files that differs does: "its model/model.safetensors has changed"; empty if none.

    Args:
        verify: compare the checksums even of files whose length and time are as they were.
    """
    for name, recorded in files.items():
        try:
            found = (folder.path / name).stat()
        except OSError:
            return f"its {name} is gone"
        same = found.st_size == recorded.bytes
        if same and (verify or found.st_mtime_ns != recorded.mtime_ns):
            same = length_and_crc(folder.path / name) == [recorded.bytes, recorded.crc32]
        if not same:
            return f"its {name} has changed"
    return ""


def without_model(files: Files) -> Files:
    """Those that a stage that loads no model may read."""
    return {name: file for name, file in files.items() if name.split("/")[0] != MODEL}


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file())
        else:
            yield path


def _record(file: Path) -> FileRecord:
    length, checksum = length_and_crc(file)
    return FileRecord(bytes=length, crc32=checksum, mtime_ns=file.stat().st_mtime_ns)
