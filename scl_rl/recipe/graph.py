"""From stages as written to stages as run: parents first, and one stage for each of several parents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from ..stages import registry
from ..stages.contract import StageSettings
from ..stages.shared.launch import Launch
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
            hint = f"name a stage of kind {' or '.join(registry.kinds_with(settings.starts_from))}"
            tree.fail(where, f"missing: a stage of kind {_kind(settings)} starts from another one", hint)
        for parent, count in Counter(parents).items():
            if count > 1:
                tree.fail(where, f"'{parent}' is named {count} times")
            elif parent not in written:
                others = [other for other in written if other != name]
                tree.fail(where, f"there is no stage '{parent}'", did_you_mean(parent, others, "stages"))
            elif parent in kinds and not set(settings.starts_from) & set(kinds[parent].outputs):
                fit = " or ".join(registry.kinds_with(settings.starts_from)) or "no other stage"
                what = f"'{parent}' is of kind {_kind(kinds[parent])}; {_kind(settings)} starts from {fit}"
                tree.fail(where, what)
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))[:-1]
        start = min(range(len(circle)), key=lambda i: list(kinds).index(circle[i]))
        circle = [*circle[start:], *circle[:start], circle[start]]
        tree.fail(("stages", circle[0], "from"), f"goes in a circle: {' from '.join(circle)}")


def check_beside(stages: dict[str, StageSettings], tree: Tree) -> None:
    """Note what stages ask of others that those don't give, and the circles that this makes."""
    before = {name: [*parents_of(s.from_), *s.also_needs()] for name, s in stages.items()}
    for name, settings in stages.items():
        for other in settings.also_needs():
            if other not in stages:
                hint = did_you_mean(other, [n for n in stages if n != name], "stages")
                tree.fail(("stages", name), f"there is no stage '{other}'", hint)
            elif settings.fan_in and other not in _before(name, stages):
                what = f"nothing of what it compares comes from stage '{other}'"
                tree.fail(("stages", name), what, "name one that it compares")
        parents = [stages[parent] for parent in parents_of(settings.from_) if parent in stages]
        if problem := settings.incompatible_with(parents):
            tree.fail(("stages", name), problem)
        if settings.own_seeds() and any(_seeded(parent, stages) for parent in parents_of(settings.from_)):
            tree.fail(("stages", name, "seeds"), "the stage it starts from already has seeds")
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        tree.fail(("stages", error.args[1][0]), f"waits for itself: {' after '.join(error.args[1])}")


def _before(name: str, stages: dict[str, StageSettings]) -> set[str]:
    """The stages that a stage comes from, by ``from`` alone."""
    known: set[str] = set()
    waiting = [name]
    while waiting:
        parents = set(parents_of(stages[waiting.pop()].from_)) & stages.keys()
        waiting += parents - known
        known |= parents
    return known


def _seeded(name: str, stages: dict[str, StageSettings]) -> bool:
    return name in stages and any(stages[it].own_seeds() for it in (name, *_before(name, stages)))


class _Made(NamedTuple):
    """A stage as run. ``root`` is the parent or the seed where its fan begins, empty if it did not fan out;
    ``system_root`` is that without a seed."""

    stage: Stage
    root: str
    system_root: str


def expand(
    stages: Mapping[str, StageSettings], launches: Mapping[str, Launch] | None = None
) -> tuple[Stage, ...]:
    """The stages to run, parents first and otherwise as written.

    A stage with several seeds becomes one for each: ``scl.seed0``. A stage with several parents, or with a
    parent that became several, becomes one for each, named after itself and what tells them apart, the
    parent or its seed: ``predict.scl``. A stage with ``fan_in`` stays one.

    Args:
        launches: how the stages that have several processes are launched, by their names as written.
    """
    fans: dict[str, list[_Made]] = {}

    def fan(name: str) -> list[_Made]:
        if name not in fans:
            settings = stages[name]
            parents = [made for parent in parents_of(settings.from_) for made in fan(parent)]
            also_needs = [fan(other) for other in settings.also_needs()]
            if settings.fan_in or not (isinstance(settings.from_, list) or any(p.root for p in parents)):
                fans[name] = _seeded_fan(name, settings, parents, also_needs)
            else:
                fans[name] = _parents_fan(name, settings, parents, also_needs)
        return fans[name]

    for name in _parents_first(stages):
        fan(name)
    found = tuple(made.stage for several in fans.values() for made in several)
    return tuple(replace(stage, launch=(launches or {}).get(stage.written)) for stage in found)


def _parents_first(stages: Mapping[str, StageSettings]) -> Iterator[str]:
    """The names of stages that wait for no circle, each after those it needs and otherwise as written."""
    done: set[str] = set()
    for first in stages:
        waiting = [first]  # no recursion: a chain may be longer than Python's stack
        while waiting:
            settings = stages[waiting[-1]]
            needed = [
                other for other in (*parents_of(settings.from_), *settings.also_needs()) if other not in done
            ]
            if needed:
                waiting += reversed(needed)
                continue
            name = waiting.pop()
            if name not in done:
                done.add(name)
                yield name


def _seeded_fan(
    name: str, settings: StageSettings, parents: list[_Made], also_needs: list[list[_Made]]
) -> list[_Made]:
    """One stage for each of its own seeds; one stage if it has none."""
    names = tuple(parent.stage.name for parent in parents)
    roots: list[tuple[str, int | None]] = [(f"seed{seed}", seed) for seed in settings.own_seeds()]
    return [
        _Made(
            Stage(_joined(name, root), name, name, settings, names, _matching(also_needs, root), seed),
            root,
            "",
        )
        for root, seed in roots or [("", None)]
    ]


def _parents_fan(
    name: str, settings: StageSettings, parents: list[_Made], also_needs: list[list[_Made]]
) -> list[_Made]:
    """One stage for each parent."""
    rooted = [(p.root, p.system_root) if p.root else (p.stage.name, p.stage.system) for p in parents]
    ambiguous = len({root for root, _ in rooted}) < len(rooted)
    made = []
    for (parent, _, _), (root, system_root) in zip(parents, rooted, strict=True):
        suffix, system_suffix = (parent.name, parent.system) if ambiguous else (root, system_root)
        stage = Stage(
            _joined(name, suffix),
            name,
            _joined(name, system_suffix),
            settings,
            (parent.name,),
            _matching(also_needs, root),
            parent.seed,
        )
        made.append(_Made(stage, suffix, system_suffix))
    return made


def _joined(name: str, suffix: str) -> str:
    return f"{name}.{suffix}" if suffix else name


def _matching(also_needs: list[list[_Made]], root: str) -> tuple[str, ...]:
    """Of what each other stage became, the one of the same parent or seed; the first if there is none."""
    chosen = [{one.root: one.stage.name for one in reversed(made)} for made in also_needs]
    return tuple(
        by_root.get(root, made[0].stage.name) for by_root, made in zip(chosen, also_needs, strict=True)
    )


def _kind(settings: type[StageSettings]) -> str:
    return str(settings.model_fields["kind"].default)
