"""Writing so that what stands there is either the old or the new, never half of it."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import Problem, UserError

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700  # what we write may hold words of notes
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|\d+))/fd/(\d+)")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


@contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """A text stream whose contents take the place of a file when all is well; only its owner can read it.

    A link is followed. A device, a FIFO or a standard stream is written to, and never replaced.

    Raises:
        UserError: the file can't be written.
        OSError: the disk is full, or the reader of a pipe is gone.
    """
    try:
        if (number := descriptor(path)) is not None:
            with os.fdopen(os.dup(number), "w", encoding="utf-8", newline="\n") as stream:
                yield stream
        elif is_special(path):
            with path.open("w", encoding="utf-8", newline="\n") as stream:
                yield stream
        else:
            with _replacing(Path(os.path.realpath(path))) as stream:
                yield stream
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno in DISK_FULL:
            raise
        raise UserError(Problem(str(path), f"can't be written: {error.strerror}")) from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    aside = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            aside.chmod(PRIVATE_FILE)  # whatever the umask
            yield stream
            stream.flush()
            os.fsync(handle)
        aside.replace(path)
        _sync(path.parent)
    finally:
        with suppress(OSError):
            aside.unlink()


def make_durable(folder: Path) -> None:
    """Wait until all that is in a folder is on the disk, so that not even a power cut takes it back."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            _sync(path)


def _sync(path: Path) -> None:
    with suppress(OSError):  # a file system may not do this, for a folder say
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def descriptor(path: Path) -> int | None:
    """The number of the open file that a path such as ``/dev/stdout`` stands for."""
    text = os.path.normpath(path)
    found = _DESCRIPTOR.fullmatch(text)
    return int(found[1]) if found else _STANDARD.get(text)


def is_special(path: Path) -> bool:
    """Whether something is there that is neither a regular file nor a folder, such as a device or a FIFO."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, indented.

    Raises:
        UserError: the file can't be written.
    """
    with writing(path) as stream:
        stream.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of ``path`` when all is well."""
    half, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.old")
    for left in (half, old):
        shutil.rmtree(left, ignore_errors=True)
    half.mkdir(parents=True)
    yield half
    make_durable(half)
    if path.exists():
        path.rename(old)
    half.rename(path)
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)
