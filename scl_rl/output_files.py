"""The output paths of a command, checked before its work begins: nothing that it reads is written over."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path

from .atomic import PRIVATE_FOLDER, descriptor, is_special
from .errors import Problem, UserError


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Try every output of a command, and refuse what would destroy an input or another output.

    Args:
        outputs: option → file to write; None where the option is not given.
        inputs: files and folders that it reads.

    Raises:
        UserError: an output is an input (by any path or link, or inside of an input folder), two outputs are
            the same file, or a file can't be written; all that is wrong.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    read = [path for path in inputs if path is not None]
    problems = [
        Problem(option, f"{path} is an input, {source}; it would be lost", "name another file")
        for option, path in given.items()
        for source in read
        if _same(path, source) or _inside(path, source)
    ]
    problems += [
        Problem(second, f"{given[second]} is the file of {first} too", "name another file")
        for first, second in combinations(given, 2)
        if _same(given[first], given[second])
    ]
    for option, path in given.items():
        if why := _unwritable(path):
            problems.append(Problem(option, f"{path} can't be written: {why}"))
    if problems:
        raise UserError(*problems)


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file that writing would destroy; a terminal or a device can be both."""
    if descriptor(one) is not None or is_special(one):
        return False
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    with suppress(OSError):
        return one.samefile(other)
    return False


def _inside(path: Path, folder: Path) -> bool:
    """Whether a file lies, or would lie, in an input folder."""
    if descriptor(path) is not None or not folder.is_dir():
        return False
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _unwritable(path: Path) -> str:
    """Why a file can't be written, found by trying; empty if it can."""
    if descriptor(path) is not None:
        return ""
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            return "it is a folder"
        if (target.exists() or is_special(path)) and not os.access(target, os.W_OK):
            return "permission denied"
        if not is_special(path):
            tempfile.TemporaryFile(dir=target.parent).close()
            # Its own name may be too long, or have characters that the file system does not take.
            with suppress(FileNotFoundError):
                target.lstat()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        return f"there is no folder {target.parent}" if missing else str(error.strerror)
    except ValueError as error:  # a NUL in its name
        return str(error)
    return ""


@contextmanager
def new_corpus(folder: Path, files: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """A folder to write a corpus into, whose files appear in ``folder`` together when all is well.

    Files of an older corpus are all taken out before the first new one is put in: two are never mixed.

    Args:
        files: names that files of a corpus have.

    Raises:
        UserError: ``folder`` has any of the files and ``overwrite`` is false, or can't be written.
    """
    folder = Path(os.path.realpath(folder))
    try:
        old = [name for name in files if (folder / name).exists()]
        if old and not overwrite:
            what = f"already contains a corpus: {', '.join(old)}"
            raise UserError(Problem(str(folder), what, "name another folder, or replace it with --overwrite"))
        existed = folder.exists()
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".corpus-", dir=folder) as work:
            new, replaced = Path(work, "new"), Path(work, "replaced")
            new.mkdir()
            replaced.mkdir()
            try:
                yield new
            except BaseException:
                if not existed:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            for name in old:
                (folder / name).rename(replaced / name)
            for file in sorted(new.iterdir()):
                file.rename(folder / file.name)
    except OSError as error:
        raise UserError(Problem(str(folder), f"can't be written: {error.strerror}")) from error
