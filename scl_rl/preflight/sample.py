"""A look at a recipe's data before anything is run: some records of each set, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..corpus.jsonl import read_documents, read_spans
from ..corpus.sources import SETS, FilesSource, SyntheticSource, inputs, load_sets
from ..corpus.types import Document, Span
from ..recipe.schema import Recipe

RECORDS = 200  # most annotated documents, and spans, that are looked at
OTHERS = 60  # most documents of another set
CHARACTERS = 60_000  # about the most characters of them
_WHOLE = 16_000_000  # bytes up to which a file is read as a whole, and every mistake in it told
_SIZES = {"annotated": "documents", "code_only": "code_only", "dev": "dev", "test": "test"}


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        records: some of each set.
        counts: how many records each set has.
        whole: sets of documents that were read as a whole, for checks that need all.
    """

    records: Mapping[str, Sequence[Document | Span]]
    counts: Mapping[str, int]
    whole: Mapping[str, Sequence[Document]] = field(default_factory=dict)

    def documents(self, name: str) -> list[Document]:
        """The documents of a set that were looked at."""
        return [record for record in self.records.get(name, ()) if isinstance(record, Document)]

    def spans(self) -> list[Span]:
        """The spans that were looked at."""
        return [record for record in self.records.get("spans", ()) if isinstance(record, Span)]


def look_at(recipe: Recipe, made: Path | None = None, most: float = _WHOLE) -> Look:
    """Look at the data of a recipe: at what the data step made, or at what it would make.

    Args:
        made: the folder of the data step, if it is done and up to date.
        most: bytes up to which a file is read as a whole.

    Raises:
        UserError: a file is malformed, or has fewer documents than asked for.
    """
    if made is not None:
        return _files({name: path for name in SETS if (path := made / f"{name}.jsonl").exists()}, most)
    settings = recipe.data
    if isinstance(settings, FilesSource):
        return _files(inputs(settings), most)
    counts: dict[str, int] = {}
    if isinstance(settings, SyntheticSource):  # the size of one set changes no other
        counts = {name: getattr(settings, size) for name, size in _SIZES.items()}
        fewer = {size: min(_most(name), counts[name]) for name, size in _SIZES.items()}
        settings = settings.model_copy(update=fewer)
    loaded = load_sets(settings)
    sets: dict[str, Sequence[Any]] = {name: getattr(loaded, name) for name in SETS}
    counts = {name: counts.get(name, len(records)) for name, records in sets.items()}
    return Look({name: _some(name, records) for name, records in sets.items()}, counts)


def _most(name: str) -> int:
    return RECORDS if name in ("annotated", "spans") else OTHERS


def _some(name: str, records: Sequence[Document | Span]) -> list[Document | Span]:
    """Records of a set from all of it, at least one if there is one."""
    characters = sum(len(record.text) for record in records)
    number = min(_most(name), len(records))
    if characters * number > CHARACTERS * len(records):
        number = max(1, CHARACTERS * len(records) // characters)
    return [records[i * len(records) // number] for i in range(number)]


def _files(paths: Mapping[str, Path], most: float) -> Look:
    records: dict[str, Sequence[Document | Span]] = {}
    counts: dict[str, int] = {}
    whole: dict[str, Sequence[Document]] = {}
    for name, path in paths.items():
        if path.stat().st_size > most:
            records[name], counts[name] = _head(path, Span if name == "spans" else Document), _lines(path)
            continue
        if name == "spans":
            records[name] = read_spans(path)
        else:
            records[name] = whole[name] = read_documents(path)
        counts[name] = len(records[name])
    return Look({name: _some(name, found) for name, found in records.items()}, counts, whole)


def _head(path: Path, kind: type[Document] | type[Span]) -> list[Document | Span]:
    """The first records of a file; what is no record is passed over, the data step will say so."""
    found: list[Document | Span] = []
    with path.open("rb") as stream:
        for line in islice(stream, RECORDS):
            try:
                found.append(kind.model_validate_json(line))
            except ValidationError:
                continue
    return found


def _lines(path: Path) -> int:
    """The lines of a file."""
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 22), b""))
