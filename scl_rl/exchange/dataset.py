"""Rows of a dataset that ``datasets`` can load: from the hub, or a file or folder on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

from ..corpus.jsonl import read_objects
from ..errors import Problem, UserError
from ..process import may_download
from ..table_files import header
from ..upstream.network import online

_BUILDERS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
_JSON = (".jsonl", ".json")


def dataset_rows(
    name: str, split: str | None = None, config: str | None = None, revision: str | None = None
) -> tuple[list[str], Iterator[tuple[str, Mapping[str, Any]]]]:
    """The columns of a dataset, and its rows, each with where it stands.

    Args:
        name: a file (JSON, CSV, Parquet), a folder that ``save_to_disk`` wrote or that has such files, or a
            dataset of the hub.
        split: of a dataset that has several.
        config, revision: of a dataset of the hub.

    Raises:
        UserError: there is no such dataset, or it can't be read; it has several splits and none is named.
    """
    path = Path(name).expanduser()
    if path.is_file() and path.suffix in _JSON:
        return _with_columns(name, _json_rows(path))
    try:
        loaded = _loaded(path, name, split, config, revision)
    except UserError:
        raise
    except Exception as error:  # each builder raises what it likes, and some quote the data
        what = f"can't be loaded: {type(error).__name__}"
        raise UserError(Problem(name, what, "a file, a folder, or a data set of the hub")) from None
    if hasattr(loaded, "keys"):
        if split is None and len(loaded) > 1:
            raise UserError(Problem("--split", f"{name} has several", f"one of {', '.join(loaded)}"))
        if split is not None and split not in loaded:
            raise UserError(Problem("--split", f"{name} has no '{split}'", f"one of {', '.join(loaded)}"))
        loaded = loaded[split or next(iter(loaded))]
    return _with_columns(name, _told(name, loaded))


def _with_columns(
    name: str, rows: Iterator[tuple[str, Mapping[str, Any]]]
) -> tuple[list[str], Iterator[tuple[str, Mapping[str, Any]]]]:
    first = next(rows, None)
    if first is None:
        raise UserError(Problem(name, "has no rows"))
    return list(first[1]), chain([first], rows)


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows of JSON Lines, or of one list. Not by Arrow, which crashes at ``null`` and makes dates of text."""
    with path.open("rb") as stream:
        is_list = stream.read(100).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    if not is_list:
        yield from ((f"{path}:{number}", row) for number, row in read_objects(path))
        return
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(Problem(str(path), f"can't be read: {type(error).__name__}")) from None
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UserError(Problem(f"{path}: row {number}", "expected a JSON object"))
        yield f"{path}: row {number}", row


def _told(name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows with their places. Raises UserError where one can't be read."""
    numbered = enumerate(rows)
    at = -1
    while True:
        try:
            at, row = next(numbered)
        except StopIteration:
            return
        except Exception as error:
            raise UserError(
                Problem(f"{name}: row {at + 1}", f"can't be read: {type(error).__name__}")
            ) from None
        yield f"{name}: row {at}", row


def _loaded(path: Path, name: str, split: str | None, config: str | None, revision: str | None) -> Any:
    """What ``datasets`` makes of it, streamed: nothing of it is copied into the user's cache."""
    import datasets

    if path.is_dir() and any((path / file).is_file() for file in ("state.json", "dataset_dict.json")):
        return datasets.load_from_disk(str(path))
    if path.is_file():
        builder = _BUILDERS.get(path.suffix)
        if builder is None:
            known = ", ".join((*_JSON, *_BUILDERS))
            raise UserError(Problem(name, "is of no known kind", f"one of {known}"))
        more: dict[str, Any] = {}
        if builder == "csv":  # all as text, or codes such as 0010 would become numbers
            separator = "\t" if path.suffix == ".tsv" else ","
            names = header(path, separator)
            features = datasets.Features({name: datasets.Value("string") for name in names})
            more = {"sep": separator, "features": features, "keep_default_na": False}
        return datasets.load_dataset(builder, data_files=str(path), streaming=True, **more)
    if path.is_dir():
        for file in sorted(file for suffix in _JSON for file in path.rglob(f"*{suffix}")):
            for _ in _json_rows(file):
                pass  # what Arrow could not bear is refused here
        return datasets.load_dataset(str(path), streaming=True)
    with online() if may_download() else nullcontext():
        return datasets.load_dataset(name, config, split=split, revision=revision, streaming=True)
