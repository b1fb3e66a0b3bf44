"""Lengths and checksums of files: against accidents, not against people."""

from __future__ import annotations

import zlib
from pathlib import Path

_BLOCK = 1 << 22


def length_and_crc(path: Path) -> list[int]:
    """Length in bytes and CRC-32 of a file, as fast as reading it."""
    length = checksum = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            length, checksum = length + len(block), zlib.crc32(block, checksum)
    return [length, checksum]
