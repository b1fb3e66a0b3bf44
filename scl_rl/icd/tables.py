"""ICD-10-CM's tables in a compact file, made once from ``simple_icd_10_cm`` and kept in the user's cache.

Importing that package parses 10 MB of XML, which takes 1.7 s and 190 MB. The compact file has a line per
code, and a line is parsed when it is asked for.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ..atomic import PRIVATE_FOLDER, writing
from ..errors import UserError
from ..user_cache import cache_folder

CHAPTER, BLOCK, CATEGORY, SUBCATEGORY, EXTENDED = "c", "b", "g", "s", "x"
_FORMAT = 1  # of the compact file; another one gets another name
_CODES = (CATEGORY, SUBCATEGORY, EXTENDED)


class Entry(NamedTuple):
    """A line of the tables.

    Attributes:
        kind: of :data:`CHAPTER`, :data:`BLOCK`, :data:`CATEGORY`, :data:`SUBCATEGORY` and :data:`EXTENDED`,
            which has a seventh character.
        ancestors: nearest first. A category that is alone in its block stands below its own name.
        seventh: what its seventh characters mean, where they are defined here.
    """

    code: str
    kind: str
    ancestors: tuple[str, ...]
    children: tuple[str, ...]
    title: str
    inclusion_terms: tuple[str, ...]
    includes: tuple[str, ...]
    excludes1: tuple[str, ...]
    seventh: dict[str, str]

    @property
    def is_code(self) -> bool:
        """Whether it is a category or below one; chapters and blocks are no codes."""
        return self.kind in _CODES


class Tables:
    """All chapters, blocks and codes by name, in the tables' order.

    Args:
        lines: of the compact file, as UTF-8: a quarter of what they would take as parsed entries.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = {line[: line.index(b"\t")].decode(): line for line in lines}
        self._entry = lru_cache(maxsize=4096)(self._parsed)

    def get(self, code: str) -> Entry | None:
        """The entry of a code, if there is one."""
        return self._entry(code) if code in self._lines else None

    def __getitem__(self, code: str) -> Entry:
        """The entry of a code. Raises ValueError where there is none."""
        if code not in self._lines:
            raise ValueError(f"The code '{code}' does not exist.")
        return self._entry(code)

    def __iter__(self) -> Iterator[Entry]:
        return map(_parse, self._lines.values())

    def _parsed(self, code: str) -> Entry:
        return _parse(self._lines[code])


@cache
def tables() -> Tables:
    """The tables, from the cache if they are there. What can't be kept is made anew each time."""
    release = version("simple-icd-10-cm")
    try:
        path = cache_folder("icd") / f"icd-10-cm-{release}-{_FORMAT}.tsv"
    except RuntimeError:  # this user has no home
        return Tables(_made())
    kept = _kept(path)
    if kept is not None:
        return kept
    lines = _made()
    with suppress(OSError, UserError):
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with writing(path) as stream:
            stream.write(f"{zlib.crc32(b''.join(lines))}\n")
            stream.writelines(line.decode() for line in lines)
    return Tables(lines)


def _kept(path: Path) -> Tables | None:
    """The tables of a compact file; None if it isn't there, is damaged, or belongs to somebody else."""
    checksum = 0

    def summed(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal checksum
        for line in lines:
            checksum = zlib.crc32(line, checksum)
            yield line

    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_uid != os.geteuid():
                return None
            expected = stream.readline().strip()
            kept = Tables(summed(stream))
    except (OSError, ValueError):  # ValueError: a line without a tab
        return None
    return kept if expected == str(checksum).encode() else None


def _made() -> list[bytes]:
    """The lines, from the package."""
    import simple_icd_10_cm as cm

    return [_line(cm, code).encode() for code in dict.fromkeys(cm.get_all_codes(True))]


def _line(cm: Any, code: str) -> str:
    details = [
        [_plain(term) for term in terms]
        for terms in (cm.get_inclusion_term(code), cm.get_includes(code), cm.get_excludes1(code))
    ]
    seventh = {character: _plain(text) for character, text in cm.get_seven_chr_def(code).items()}
    rest = json.dumps([*details, seventh], ensure_ascii=False) if any(details) or seventh else ""
    near = (" ".join(cm.get_ancestors(code)), " ".join(cm.get_children(code)))
    return "\t".join((code, _kind(cm, code), *near, _plain(cm.get_description(code)), rest)) + "\n"


def _kind(cm: Any, code: str) -> str:
    if cm.is_chapter(code):
        return CHAPTER
    if cm.is_category(code):
        return CATEGORY
    if cm.is_block(code):
        return BLOCK
    return EXTENDED if cm.is_extended_subcategory(code) else SUBCATEGORY


def _plain(text: str) -> str:
    return " ".join(text.split())


def _parse(line: bytes) -> Entry:
    code, kind, ancestors, children, title, rest = line.decode().rstrip("\n").split("\t")
    inclusion, includes, excludes1, seventh = json.loads(rest) if rest else ([], [], [], {})
    return Entry(
        code,
        kind,
        tuple(ancestors.split()),
        tuple(children.split()),
        title,
        tuple(inclusion),
        tuple(includes),
        tuple(excludes1),
        seventh,
    )
