"""The data sources that a recipe can name: those of the entry-point group ``scl_rl.sources``, ours too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from ...errors import Problem, UserError
from .base import DataSource

GROUP = "scl_rl.sources"
_OURS_FIRST = ("synthetic", "codiesp", "files")  # the order of the docs


@cache
def data_sources() -> dict[str, type[DataSource]]:
    """Name → class of every source, those that come with scl-rl first.

    Raises:
        UserError: an installed source can't be imported, or does not keep the contract.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    order = [name for name in _OURS_FIRST if name in points]
    order += sorted(points.keys() - set(order))
    return {name: _loaded(points[name]) for name in order}


def _loaded(point: EntryPoint) -> type[DataSource]:
    where = f"data source '{point.name}' ({point.value})"
    try:
        source = point.load()
    except Exception as error:  # a plugin's module may raise anything
        raise UserError(Problem(where, f"can't be loaded: {type(error).__name__}: {error}")) from error
    problems = [Problem(where, what) for what in _broken(point.name, source)]
    if problems:
        raise UserError(*problems)
    checked: type[DataSource] = source
    return checked


def _broken(name: str, source: object) -> Iterator[str]:
    """What a source lacks of the contract."""
    if not isinstance(source, type) or not issubclass(source, DataSource):
        yield "is not a class derived from scl_rl.corpus.sources.DataSource"
        return
    field = source.model_fields.get("source")
    if field is None or field.default != name:
        yield f'has no field source: Literal["{name}"] = "{name}"'
    for method in ("provides", "load"):
        if getattr(source, method) is getattr(DataSource, method):
            yield f"does not define {method}()"
