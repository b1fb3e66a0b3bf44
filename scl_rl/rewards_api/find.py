"""Where a reward function comes from, found out without importing it."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path

from ..suggest import did_you_mean

GROUP = "scl_rl.rewards"


def reward_problem(name: str, base: Path) -> tuple[str, str] | None:
    """What is wrong with a reward's name, and what to do; None if it can be found."""
    if name in installed():
        return None
    place, colon, function = name.rpartition(":")
    if not colon:
        hint = did_you_mean(name, installed(), "rewards")
        return f"there is no reward '{name}'", hint or "a file is written ./my_reward.py:function"
    if not function.isidentifier():
        return f"'{function}' is no function name", "a file is written ./my_reward.py:function"
    if is_file(place):
        path = base / Path(place).expanduser()
        if not path.is_file():
            return f"there is no file {path}", ""
        return None if path.suffix == ".py" else (f"{path} is not a Python file", "its name ends in .py")
    if importlib.util.find_spec(place.split(".")[0]) is None:
        return f"there is no module '{place}'", "a file is written ./my_reward.py:function"
    return None


def reward_source(name: str, base: Path) -> str:
    """What changes when the reward's source does: a hash of its file, else its distribution's version."""
    path = source_file(name, base)
    if path is not None:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    point = installed().get(name)
    if point is not None and point.dist is not None:
        return f"{point.dist.name} {point.dist.version}"
    try:
        return f"version {distribution(re.split('[.:]', name)[0]).version}"
    except PackageNotFoundError:
        return "unknown"


def source_file(name: str, base: Path) -> Path | None:
    """The file that defines a reward, or None if it has none or can't be found. Nothing is imported."""
    point = installed().get(name)
    place = point.value.partition(":")[0] if point else name.rpartition(":")[0]
    if point is None and is_file(place):
        path: Path | None = base / Path(place).expanduser()
    else:
        path = next((Path(s.origin) for s in _specs(place) if s.name == place and s.origin), None)
    return path if path is not None and path.is_file() else None


def is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place


@cache
def installed() -> dict[str, EntryPoint]:
    """The rewards of the entry-point group, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def _specs(module: str) -> Iterator[ModuleSpec]:
    """The specs of a module's packages and of the module itself, as far as they are found."""
    folders = None
    parts = module.split(".")
    for i in range(len(parts)):
        name = ".".join(parts[: i + 1])
        found = (finder.find_spec(name, folders) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None:
            return
        yield spec
        folders = spec.submodule_search_locations
