"""``source: codiesp``: real clinical cases in Spanish, from the corpus's official layout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from ...errors import Problem, UserError
from ..readers.codiesp import article_id, read_codiesp
from ..records import sample_records
from ..spans import spans_of
from ..types import Document
from .base import DataSource, Sets


class CodiespSource(DataSource):
    """CodiEsp in its official layout. Its dev split is the test set; dev documents are taken from train."""

    source: Literal["codiesp"] = "codiesp"
    path: Path = Field(title="Folder with train/ and dev/")
    kinds: Literal["diagnoses", "procedures", "both"] = Field("diagnoses", title="Which codes to use")
    documents: int | None = Field(None, title="Annotated documents, sampled from train; absent = all", ge=1)
    dev: int = Field(50, title="Dev documents, taken from train by article", ge=0)
    test: int | None = Field(None, title="Test documents, from the official dev split; absent = all", ge=1)
    drop_shared_articles: bool = Field(
        True, title="Don't train on articles that dev or test documents come from"
    )
    seed: int = Field(0, title="Seed of the samples", ge=0)

    def provides(self) -> set[str]:
        """Annotated documents, their spans, and the two sets to evaluate on."""
        return {"annotated", "spans", "test"} | ({"dev"} if self.dev else set())

    def missing(self) -> Iterator[Problem]:
        """The folder, or one of its two splits."""
        yield from super().missing()
        lacking = [part for part in ("train", "dev") if not (self.path / part).is_dir()]
        if self.path.exists() and lacking:
            what = f"{self.path} has no folder {' and no folder '.join(lacking)}"
            yield Problem("", what, at=("path",))

    def load(self) -> Sets:
        """Read both splits and sample from them."""

        def group(document: Document) -> str:
            return article_id(document.id) if self.drop_shared_articles else document.id

        train = list(read_codiesp(self.path / "train", kinds=self.kinds).documents)
        official = list(read_codiesp(self.path / "dev", kinds=self.kinds).documents)
        rng = random.Random(self.seed)
        test = _sample(official, self.test, rng, "test")

        reported = {group(document) for document in official}
        pool = [document for document in train if group(document) not in reported]
        groups = sorted({group(document) for document in pool})
        rng.shuffle(groups)
        dev: list[Document] = []
        while len(dev) < self.dev and groups:
            carved = groups.pop()
            dev += [document for document in pool if group(document) == carved]
            pool = [document for document in pool if group(document) != carved]
        annotated = _sample(pool, self.documents, rng, "documents")
        return Sets(annotated, spans_of(pool, "codiesp"), (), dev[: self.dev], test)


def _sample(documents: list[Document], size: int | None, rng: random.Random, name: str) -> list[Document]:
    """``size`` of the documents, in their order."""
    if size is not None and size > len(documents):
        raise UserError(Problem(f"data.{name}", f"asks for {size} documents, there are {len(documents)}"))
    return [documents[i] for i in sorted(sample_records(range(len(documents)), size, rng))]
