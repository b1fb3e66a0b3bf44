"""From stages as written to stages as run: parents first, and one stage for each of several parents."""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ..stages.base import StageSettings
from ..suggest import did_you_mean
from .schema import Stage
from .tree import Tree


def parents_of(written: str | list[str] | None) -> list[str]:
    """The names after ``from``."""
    return [] if written is None else [written] if isinstance(written, str) else list(written)


def check_parents(kinds: dict[str, type[StageSettings]], written: dict[str, Any], tree: Tree) -> None:
    """Note every parent that is unknown, of a wrong kind or part of a circle.

    Args:
        kinds: the settings class of each stage whose kind is known.
        written: every stage as written; what is no name is passed over.
    """
    known: dict[str, list[str]] = {}
    for name, settings in kinds.items():
        where = ("stages", name, "from")
        origin = written[name].get("from")
        parents = [parent for parent in origin if isinstance(parent, str)] if isinstance(origin, list) else []
        parents += [origin] if isinstance(origin, str) else []
        known[name] = [parent for parent in parents if parent in kinds]
        if origin == []:
            tree.fail(where, "names no stage")
        elif origin is None and settings.needs_parent:
            hint = f"name a stage of kind {' or '.join(settings.parent_kinds)}"
            tree.fail(where, f"missing: a stage of kind {_kind(settings)} starts from another one", hint)
        for parent, count in Counter(parents).items():
            if count > 1:
                tree.fail(where, f"'{parent}' is named {count} times")
            elif parent not in written:
                others = [other for other in written if other != name]
                tree.fail(where, f"there is no stage '{parent}'", did_you_mean(parent, others, "stages"))
            elif parent in kinds and _kind(kinds[parent]) not in settings.parent_kinds:
                fit = " or ".join(settings.parent_kinds) or "no other stage"
                what = f"'{parent}' is of kind {_kind(kinds[parent])}; {_kind(settings)} starts from {fit}"
                tree.fail(where, what)
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))[:-1]
        start = min(range(len(circle)), key=lambda i: list(kinds).index(circle[i]))
        circle = [*circle[start:], *circle[:start], circle[start]]
        tree.fail(("stages", circle[0], "from"), f"goes in a circle: {' from '.join(circle)}")


def expand(stages: dict[str, StageSettings]) -> tuple[Stage, ...]:
    """The stages to run, parents first and otherwise as written.

    A stage with several parents, or with a parent that became several, becomes one for each, named
    after itself and the stage where the fan begins: ``predict.scl``. A stage that gathers stays one.
    """
    fans: dict[str, list[tuple[Stage, str]]] = {}

    def fan(name: str) -> list[tuple[Stage, str]]:
        """What stage ``name`` became: each with the stage where its fan begins ("" = did not fan out)."""
        if name not in fans:
            settings = stages[name]
            parents = [made for parent in parents_of(settings.from_) for made in fan(parent)]
            if settings.gathers or not (isinstance(settings.from_, list) or any(root for _, root in parents)):
                fans[name] = [(Stage(name, settings, tuple(parent.name for parent, _ in parents)), "")]
            else:
                roots = [root or parent.name for parent, root in parents]
                twice = len(set(roots)) < len(roots)
                fans[name] = []
                for (parent, _), root in zip(parents, roots, strict=True):
                    suffix = parent.name if twice else root
                    fans[name].append((Stage(f"{name}.{suffix}", settings, (parent.name,)), suffix))
        return fans[name]

    for name in stages:
        fan(name)
    return tuple(stage for made in fans.values() for stage, _ in made)


def _kind(settings: type[StageSettings]) -> str:
    return str(settings.model_fields["kind"].default)
