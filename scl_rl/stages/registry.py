"""The stage kinds that a recipe can name: those of the entry-point group ``scl_rl.stages``, ours too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from ..errors import Problem, UserError
from .contract import StageSettings

GROUP = "scl_rl.stages"


@cache
def stage_kinds() -> dict[str, type[StageSettings]]:
    """Kind → its settings class. The kinds that come with scl-rl are first, in the order of the docs.

    Raises:
        UserError: an installed kind can't be imported, or does not keep the contract.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    order = [name for name in _OURS_FIRST if name in points]
    order += sorted(points.keys() - set(order))
    return {name: _settings(points[name]) for name in order}


_OURS_FIRST = (
    "sft",
    "pairs",
    "dpo",
    "grpo",
    "fill",
    "synthesize",
    "dictionary",
    "predict",
    "evaluate",
    "compare",
)


def kinds_with(outputs: tuple[str, ...]) -> list[str]:
    """The kinds that leave any of these outputs."""
    return [name for name, kind in stage_kinds().items() if set(outputs) & set(kind.outputs)]


def _settings(point: EntryPoint) -> type[StageSettings]:
    where = f"stage kind '{point.name}' ({point.value})"
    try:
        kind = point.load()
    except Exception as error:  # a plugin's module may raise anything
        raise UserError(Problem(where, f"can't be loaded: {type(error).__name__}: {error}")) from error
    problems = [Problem(where, what) for what in _broken(point.name, kind)]
    if problems:
        raise UserError(*problems)
    settings: type[StageSettings] = kind
    return settings


def _broken(name: str, kind: object) -> Iterator[str]:
    """What of the contract a kind does not keep."""
    if not isinstance(kind, type) or not issubclass(kind, StageSettings):
        yield "is not a class derived from scl_rl.stages.contract.StageSettings"
        return
    field = kind.model_fields.get("kind")
    if field is None or field.default != name:
        yield f'has no field kind: Literal["{name}"] = "{name}"'
    for attribute in ("work", "cost"):
        if not hasattr(kind, attribute):
            yield f"does not say its '{attribute}'"
