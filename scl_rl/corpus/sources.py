"""Where a run's documents and spans come from: the ``data:`` section of a recipe."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import Problem, UserError
from .synthetic import SyntheticSettings
from .types import Document, Span

SETS = ("annotated", "spans", "code_only", "dev", "test")


class SyntheticSource(SyntheticSettings):
    """Invented notes; nothing is read."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["synthetic"] = "synthetic"


class CodiespSource(BaseModel):
    """CodiEsp in its official layout. The official dev split is reported on; dev is carved out of train."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["codiesp"] = "codiesp"
    path: Path = Field(title="The folder that has train/ and dev/")
    kinds: Literal["diagnoses", "procedures", "both"] = Field("diagnoses", title="Which codes")
    documents: int | None = Field(None, title="Annotated documents, sampled from train; absent = all", ge=1)
    dev: int = Field(50, title="Documents carved out of train, by article", ge=0)
    test: int | None = Field(None, title="Documents of the official dev split; absent = all", ge=1)
    drop_shared_articles: bool = Field(True, title="Train on no article that dev or test has a case of")
    seed: int = Field(0, title="Seed of the samples", ge=0)


class FilesSource(BaseModel):
    """JSONL files in scl-rl's own formats."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["files"] = "files"
    annotated: Path | None = Field(None, title="Documents with codes and evidence")
    spans: Path | None = Field(None, title="Spans with their codes")
    code_only: Path | None = Field(None, title="Documents with codes and no evidence")
    dev: Path | None = Field(None, title="Documents to choose checkpoints on")
    test: Path = Field(title="Documents to report on")


DataSettings = SyntheticSource | CodiespSource | FilesSource
SOURCES: dict[str, type[DataSettings]] = {
    "synthetic": SyntheticSource,
    "codiesp": CodiespSource,
    "files": FilesSource,
}


@dataclass(frozen=True)
class Sets:
    """The five sets of a run."""

    annotated: Sequence[Document] = ()
    spans: Sequence[Span] = field(default=())
    code_only: Sequence[Document] = ()
    dev: Sequence[Document] = ()
    test: Sequence[Document] = ()


def provides(settings: DataSettings) -> set[str]:
    """The sets that the settings promise; a promised set can still turn out empty."""
    if isinstance(settings, FilesSource):
        return set(inputs(settings))
    optional = {"dev", "code_only"} & set(type(settings).model_fields)
    return {"annotated", "spans", "test"} | {name for name in optional if getattr(settings, name)}


def inputs(settings: DataSettings) -> dict[str, Path]:
    """The fields of the settings that name a file or folder to read."""
    return {name: value for name, value in settings if isinstance(value, Path)}


def located(settings: DataSettings, base: Path) -> DataSettings:
    """The settings with every path absolute; relative ones start at ``base``."""
    paths = {name: (base / path.expanduser()).resolve() for name, path in inputs(settings).items()}
    return settings.model_copy(update=paths)


def missing(settings: DataSettings) -> Iterator[tuple[str, str]]:
    """Field and complaint for each path where nothing suitable lies."""
    for name, path in inputs(settings).items():
        if not path.exists():
            yield name, f"there is no {path}"
        elif isinstance(settings, CodiespSource):
            lacking = [part for part in ("train", "dev") if not (path / part).is_dir()]
            if lacking:
                yield name, f"{path} has no folder {' and no folder '.join(lacking)}"
        elif not path.is_file():
            yield name, f"{path} is not a file"


def input_hashes(settings: DataSettings) -> dict[str, str]:
    """Field → sha256 of what lies at its path."""
    return {name: _digest(path) for name, path in inputs(settings).items()}


def prepare(settings: DataSettings, folder: Path) -> dict[str, int]:
    """Write the sets into ``folder`` as annotated.jsonl, spans.jsonl, code_only.jsonl, dev.jsonl, test.jsonl.

    Paths of the settings are taken as they are (see ``located``). An empty set gets no file.

    Returns:
        Set → number of records, for the sets that have any.

    Raises:
        UserError: a file is malformed, or has fewer documents than asked for.
    """
    from .jsonl import write_jsonl

    sets = load_sets(settings)
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name in SETS:
        records = getattr(sets, name)
        if not records:
            continue
        counts[name] = len(records)
        target = folder / f"{name}.jsonl"
        if isinstance(settings, FilesSource):
            shutil.copyfile(getattr(settings, name), target)
        else:
            write_jsonl(target, records)
    return counts


def load_sets(settings: DataSettings) -> Sets:
    """The sets that the settings describe.

    Raises:
        UserError: a file is malformed, or has fewer documents than asked for.
    """
    if isinstance(settings, CodiespSource):
        return _codiesp(settings)
    if isinstance(settings, FilesSource):
        return _files(settings)
    from .synthetic import generate

    corpus = generate(settings)
    return Sets(corpus.documents, corpus.spans, corpus.code_only, corpus.dev, corpus.test)


def _files(settings: FilesSource) -> Sets:
    from .jsonl import read_documents, read_spans

    problems: list[Problem] = []
    sets: dict[str, Sequence[Document] | Sequence[Span]] = {}
    for name, path in inputs(settings).items():
        try:
            if name == "spans":
                sets[name] = read_spans(path)
                continue
            documents = sets[name] = read_documents(path)
            bare = sum(document.annotations is None for document in documents)
            if bare:
                problems.append(
                    Problem(str(path), f"{bare} documents have no annotations; {name} needs them")
                )
            if not documents and name == "test":
                problems.append(Problem(str(path), "has no documents", "test needs at least one"))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(*problems)
    return Sets(**sets)  # type: ignore[arg-type]


def _codiesp(settings: CodiespSource) -> Sets:
    from .readers.codiesp import article_id, read_codiesp
    from .spans import spans_of

    def group(document: Document) -> str:
        return article_id(document.id) if settings.drop_shared_articles else document.id

    train = list(read_codiesp(settings.path / "train", kinds=settings.kinds).documents)
    official = list(read_codiesp(settings.path / "dev", kinds=settings.kinds).documents)
    chance = random.Random(settings.seed)
    test = _sample(official, settings.test, chance, "test")

    reported = {group(document) for document in official}
    pool = [document for document in train if group(document) not in reported]
    groups = sorted({group(document) for document in pool})
    chance.shuffle(groups)
    dev: list[Document] = []
    while len(dev) < settings.dev and groups:
        carved = groups.pop()
        dev += [document for document in pool if group(document) == carved]
        pool = [document for document in pool if group(document) != carved]
    annotated = _sample(pool, settings.documents, chance, "documents")
    return Sets(annotated, spans_of(pool, "codiesp"), (), dev[: settings.dev], test)


def _sample(documents: list[Document], size: int | None, chance: random.Random, name: str) -> list[Document]:
    """``size`` of the documents, in their order."""
    if size is None:
        return documents
    if size > len(documents):
        raise UserError(Problem(f"data.{name}", f"asks for {size} documents, there are {len(documents)}"))
    return [documents[i] for i in sorted(chance.sample(range(len(documents)), size))]


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
