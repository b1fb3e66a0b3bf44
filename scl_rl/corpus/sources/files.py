"""``source: files``: JSONL files in scl-rl's own formats."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from ...atomic import PRIVATE_FILE
from ...errors import Problem, UserError
from ..jsonl import iter_documents, iter_spans
from ..types import Document
from .base import DataSource, Sets
from .sample import WHOLE, DataSample, sample_files

T = TypeVar("T")
_TRAINED_ON = ("annotated", "code_only")  # these two may share documents


class FilesSource(DataSource):
    """JSONL files in scl-rl's own formats."""

    source: Literal["files"] = "files"
    annotated: Path | None = Field(None, title="Documents with codes and evidence")
    spans: Path | None = Field(None, title="Spans with their codes")
    code_only: Path | None = Field(None, title="Documents with codes and no evidence")
    dev: Path | None = Field(None, title="Documents for selecting checkpoints")
    test: Path = Field(title="Documents for the final evaluation")

    def provides(self) -> set[str]:
        """The sets that have a file."""
        return set(self.inputs())

    def missing(self) -> Iterator[Problem]:
        """What is not there, or is not a file."""
        yield from super().missing()
        for name, path in self.inputs().items():
            if path.exists() and not path.is_file():
                yield Problem("", f"{path} is not a file", at=(name,))

    def load(self) -> Sets:
        """Read every file; the mistakes of all of them are reported at once."""
        return Sets(**self._taken(list))

    def sample(self, max_bytes: float = WHOLE) -> DataSample:
        """Of a file larger than ``max_bytes``, its first records."""
        return sample_files(self.inputs(), max_bytes)

    def prepare(self, folder: Path) -> dict[str, int]:
        """Check the files and copy them as they are."""
        counts = self._taken(lambda records: sum(1 for _ in records))
        folder.mkdir(parents=True, exist_ok=True)
        for name in counts:
            copy = folder / f"{name}.jsonl"
            copy.touch(PRIVATE_FILE)
            shutil.copyfile(getattr(self, name), copy)
        return counts

    def _taken(self, take: Callable[[Iterator[Any]], T]) -> dict[str, T]:
        """Set → what is taken of the records of its file, which are read one at a time.

        Raises:
            UserError: any of the files can't be read or is malformed; the mistakes of all.
        """
        problems: list[Problem] = []
        taken = {}
        for name, path in self.inputs().items():
            try:
                taken[name] = take(
                    iter_spans(path) if name == "spans" else iter_documents(path, labelled=True)
                )
            except UserError as error:
                problems += error.problems
        if problems:
            raise UserError(*problems)
        return taken

    def checks(self, whole: Mapping[str, Sequence[Document]]) -> Iterator[Problem]:
        """Documents that are in two sets of which one is evaluated on."""
        for one, other in combinations((*_TRAINED_ON, "dev", "test"), 2):
            if other in _TRAINED_ON or one not in whole or other not in whole:
                continue
            number, first = _shared(whole[one], whole[other])
            if number:
                what = f"shares {number} documents with '{one}', the first with the id {first}"
                yield Problem("", what, "a document must be in only one of them", at=(other,))


def _shared(documents: Sequence[Document], others: Sequence[Document]) -> tuple[int, str]:
    """How many of the others are among the documents, by id or by text, and the id of the first."""
    ids, texts = {d.id for d in documents}, {hash(d.text) for d in documents}
    shared = [d.id for d in others if d.id in ids or hash(d.text) in texts]
    return len(shared), shared[0] if shared else ""
