"""Some records of each set, for checks and estimates before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from ..jsonl import number_of_lines, read_documents, read_spans
from ..records import sample_records
from ..types import Document, Span

RECORDS = 200  # maximum annotated documents, and spans, in a sample
OTHERS = 60  # maximum documents of another set
CHARACTERS = 60_000  # about the maximum characters of a set's records
WHOLE = 16_000_000  # bytes up to which a file is read whole, so that every mistake in it is found


@dataclass(frozen=True)
class DataSample:
    """Some of a run's data.

    Attributes:
        records: some of each set.
        counts: how many records each set has.
        whole: sets of documents that were read whole, for checks that need all.
    """

    records: Mapping[str, Sequence[Document | Span]]
    counts: Mapping[str, int]
    whole: Mapping[str, Sequence[Document]] = field(default_factory=dict)

    def documents(self, name: str) -> list[Document]:
        """The sampled documents of a set."""
        return [record for record in self.records.get(name, ()) if isinstance(record, Document)]

    def spans(self) -> list[Span]:
        """The sampled spans."""
        return [record for record in self.records.get("spans", ()) if isinstance(record, Span)]


def trained_codes(sample: DataSample) -> frozenset[str]:
    """The codes of the sets to train on, as far as the sample has them."""
    found = {span.code for span in sample.spans()}
    for name in ("annotated", "code_only"):
        documents = sample.whole.get(name) or sample.documents(name)
        found |= {annotation.code for document in documents for annotation in document.annotations or ()}
    return frozenset(found)


def maximum(name: str) -> int:
    """The maximum number of records that a sample has of a set."""
    return RECORDS if name in ("annotated", "spans") else OTHERS


def sample_sets(
    sets: Mapping[str, Sequence[Document | Span]], counts: Mapping[str, int] | None = None
) -> DataSample:
    """A sample of sets that are in memory.

    Args:
        counts: sizes of sets of which less than all is in memory.
    """
    sizes = {name: len(records) for name, records in sets.items()} | dict(counts or {})
    return DataSample({name: _some(name, records) for name, records in sets.items()}, sizes)


def sample_files(paths: Mapping[str, Path], max_bytes: float = WHOLE) -> DataSample:
    """A sample of sets that are JSONL files, by name.

    Raises:
        UserError: a file of up to ``max_bytes`` is malformed.
    """
    records: dict[str, Sequence[Document | Span]] = {}
    counts: dict[str, int] = {}
    whole: dict[str, Sequence[Document]] = {}
    for name, path in paths.items():
        if path.stat().st_size > max_bytes:
            records[name] = _head(path, Span if name == "spans" else Document)
            counts[name] = number_of_lines(path)
            continue
        if name == "spans":
            records[name] = read_spans(path)
        else:
            records[name] = whole[name] = read_documents(path)
        counts[name] = len(records[name])
    return DataSample({name: _some(name, read) for name, read in records.items()}, counts, whole)


def _some(name: str, records: Sequence[Document | Span]) -> list[Document | Span]:
    """Records from all over a set, at least one if there is one."""
    characters = sum(len(record.text) for record in records)
    number = min(maximum(name), len(records))
    if characters * number > CHARACTERS * len(records):
        number = max(1, CHARACTERS * len(records) // characters)
    return sample_records(records, number)


def _head(path: Path, kind: type[Document] | type[Span]) -> list[Document | Span]:
    """The first records of a file. Malformed lines are skipped; the data step will report them."""
    records: list[Document | Span] = []
    with path.open("rb") as stream:
        for line in islice(stream, RECORDS):
            try:
                records.append(kind.model_validate_json(line))
            except ValidationError:
                continue
    return records
