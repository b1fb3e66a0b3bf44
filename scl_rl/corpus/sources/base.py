"""The contract of a data source: where a run's documents and spans come from.

A source is a class derived from :class:`DataSource`, named in the entry-point group ``scl_rl.sources``. Its
fields are the settings of a recipe's ``data:`` section. It has to say what it :meth:`~DataSource.provides`
and how to :meth:`~DataSource.load` it; the other methods have defaults to override.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from ...errors import Problem
from ..types import Document, Span
from .sample import WHOLE, DataSample, sample_sets

Records = Iterable[Document] | Iterable[Span]
SETS = ("annotated", "spans", "code_only", "dev", "test")


@dataclass(frozen=True)
class Sets:
    """The five sets of a run."""

    annotated: Sequence[Document] = ()
    spans: Sequence[Span] = field(default=())
    code_only: Sequence[Document] = ()
    dev: Sequence[Document] = ()
    test: Sequence[Document] = ()

    def by_name(self) -> dict[str, Sequence[Any]]:
        """Name → records, for every set, the empty ones too."""
        return {name: getattr(self, name) for name in SETS}


class DataSource(BaseModel):
    """The settings of a source, and what a run asks of it.

    A source adds ``source: Literal["its name"] = "its name"`` and its own fields. Fields of type ``Path`` are
    files or folders that it reads: relative ones start at the recipe's folder.
    """

    model_config = ConfigDict(extra="forbid")

    def provides(self) -> set[str]:
        """Names of the sets that these settings promise; a promised set can still turn out empty."""
        raise NotImplementedError

    def load(self) -> Sets:
        """Read or make the sets.

        Raises:
            UserError: an input is malformed, or has fewer records than asked for.
        """
        raise NotImplementedError

    def inputs(self) -> dict[str, Path]:
        """Field → file or folder to read."""
        return {name: value for name, value in self if isinstance(value, Path)}

    def located(self, base: Path) -> Self:
        """The same settings with every path absolute; relative ones start at ``base``."""
        paths = {name: (base / path.expanduser()).resolve() for name, path in self.inputs().items()}
        return self.model_copy(update=paths)

    def missing(self) -> Iterator[Problem]:
        """A problem, ``at`` its field, for each input that is not there or is unsuitable.

        Only the file system is looked at; nothing is read. Paths are absolute by now.
        """
        for name, path in self.inputs().items():
            if not path.exists():
                yield Problem("", f"there is no {path}", at=(name,))

    def input_hashes(self) -> dict[str, str]:
        """Field → sha256 of the contents of its file or folder."""
        return {name: _digest(path) for name, path in self.inputs().items()}

    def sample(self, max_bytes: float = WHOLE) -> DataSample:
        """Some records of each set and the sizes of all, for checks and estimates before a run.

        Args:
            max_bytes: size up to which a file may be read whole.

        Raises:
            UserError: as :meth:`load`.
        """
        return sample_sets(self.load().by_name())

    def stream(self) -> Iterator[tuple[str, Records]]:
        """The sets by name, each to be gone through before the next is asked for.

        A source that can make or read its records one at a time overrides this, and takes no memory for them.

        Raises:
            UserError: as :meth:`load`, maybe only while a set is gone through.
        """
        yield from self.load().by_name().items()

    def prepare(self, folder: Path) -> dict[str, int]:
        """Write the sets into ``folder`` as ``<set>.jsonl``. An empty set gets no file.

        Returns:
            Set → number of records, for the sets that have any.

        Raises:
            UserError: as :meth:`load`; or a file can't be written.
        """
        from ..jsonl import write_jsonl

        folder.mkdir(parents=True, exist_ok=True)
        counts = {}
        for name, records in self.stream():
            rest: Iterator[Document | Span] = iter(records)
            if (first := next(rest, None)) is not None:
                counts[name] = write_jsonl(folder / f"{name}.jsonl", chain([first], rest))
        return counts

    def checks(self, whole: Mapping[str, Sequence[Document]]) -> Iterator[Problem]:
        """Problems between the sets, ``at`` their fields.

        Args:
            whole: the sets that were read whole; others may be absent.
        """
        yield from ()


def _digest(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()}\0{_digest(file)}\n".encode())
    return digest.hexdigest()
