"""What a stage's outputs depend on, and what changed since it ran."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..recipe.schema import Recipe, Stage
from ..rewards_api.find import reward_source

LIBRARIES = ("torch", "transformers", "trl", "peft", "scl-rl")

Ingredients = dict[str, Any]


def key_of(ingredients: Ingredients) -> str:
    """sha256 of the ingredients as canonical JSON."""
    text = json.dumps(ingredients, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Library → version, "none" where it is not installed."""

    def installed(library: str) -> str:
        try:
            return version(library)
        except PackageNotFoundError:
            return "none"

    return {library: installed(library) for library in LIBRARIES}


def data_ingredients(recipe: Recipe) -> Ingredients:
    """What the data step depends on: its settings and the contents, not the places, of its inputs."""
    data = recipe.data.model_dump(mode="json", exclude=set(recipe.data.inputs()))
    recipe.replace_variables({"data": data}, _fingerprint)
    return {
        "settings": data,
        "inputs": recipe.data.input_hashes(),
        "versions": {"scl-rl": versions()["scl-rl"]},
    }


def stage_ingredients(recipe: Recipe, stage: Stage, data_key: str, parents: dict[str, str]) -> Ingredients:
    """What a stage depends on. Of local files their contents count, not how their paths are written.

    Args:
        parents: the keys of its parents, by name.
    """
    model = _local_files(recipe, recipe.head.model.name)
    files = {setting: _local_files(recipe, path) for setting, path in stage.settings.files().items()}
    here = {setting for setting, found in files.items() if found}
    settings = stage.settings.model_dump(mode="json", exclude={"from_", "seeds", "launch", *here})
    head = recipe.head.model_dump(
        mode="json", exclude={"name": True, "model": {"name"}} if model else {"name": True}
    )
    recipe.replace_variables(head, _fingerprint)
    recipe.replace_variables({"stages": {stage.written: settings}}, _fingerprint)
    if stage.seed is not None:
        head["seed"] = stage.seed
    return {
        "settings": {**settings, **_launch(stage)},
        "recipe": head,
        "model": model,
        **files,
        "data": data_key,
        "parents": parents,
        "rewards": {name: reward_source(name, recipe.base) for name, _ in stage.settings.rewards_used()},
        "versions": versions(),
    }


def _fingerprint(written: str, value: Any) -> str:
    """A value from the environment as the manifest has it: that it changed shows, what it is does not."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
    return f"{written} ({digest[:16]})"


def _launch(stage: Stage) -> Ingredients:
    """How a stage is launched, as far as its outputs and checkpoints depend on it."""
    launch = stage.launch
    return {} if launch is None else {"launch": {"config": launch.kind, "processes": launch.processes}}


def changes(old: Ingredients, new: Ingredients) -> list[str]:
    """What is different, in words, settings first."""
    before, after = dict(_flat(old)), dict(_flat(new))
    found = []
    for path in dict.fromkeys([*after, *before]):
        if before.get(path) == after.get(path):
            continue
        group, name = path
        if group in ("settings", "recipe", "versions"):
            found.append(f"{name} {_change(before.get(path), after.get(path))}")
        else:
            what = {"parents": f"parent {name}", "rewards": f"reward {name}", "inputs": f"input {name}"}
            found.append(f"{what.get(group, group)} changed")
    return list(dict.fromkeys(found))


def _local_files(recipe: Recipe, written: str) -> dict[str, list[int]]:
    """Size and time of a local file, or of those of a local model; nothing for a model of the hub."""
    path = recipe.base / Path(written).expanduser()
    found = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
    return {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in found if file.is_file()}


def _flat(ingredients: Ingredients) -> Iterator[tuple[tuple[str, str], Any]]:
    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(inner, f"{path}.{name}" if path else name)
        elif value is not None:
            yield path, value

    for group, value in ingredients.items():
        if group in ("parents", "rewards"):  # their names may have dots
            yield from (((group, name), key) for name, key in value.items())
        else:
            yield from (((group, path), leaf) for path, leaf in walk(value, ""))


def _change(old: Any, new: Any) -> str:
    texts = ["unset" if value is None else str(value) for value in (old, new)]
    shown = max(map(len, texts)) <= 24 and not any("${env:" in text for text in texts)
    return " → ".join(texts) if shown else "changed"
