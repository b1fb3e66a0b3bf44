"""From a recipe's name to a checked recipe, with every mistake in it reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..corpus.sources import SETS, DataSource, data_sources
from ..errors import Problem, UserError
from ..modeling.shape import model_shape
from ..rewards_api.load import problems_of
from ..stages import registry
from ..stages.contract import StageSettings
from ..stages.shared.launch import Launch, launch_of, launch_problems
from ..stages.shared.trl_fields import config_fields, field_problem
from ..suggest import did_you_mean, shown
from .explain import validate
from .graph import check_beside, check_parents, expand
from .override import apply_override
from .renamed import with_new_names
from .schema import MAX_NAME, MAX_SEED, STAGE_NAME, Head, Recipe
from .trainer_checks import check_context, check_trainer
from .tree import Tree, Where, read_text


def shipped_recipes() -> dict[str, str]:
    """Name → text of the recipes that come with scl-rl."""
    folder = files("scl_rl.recipes")
    return {
        entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def load_recipe(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path_or_name: a YAML file, or the name of a shipped recipe.
        overrides: ``key=value`` texts, later ones win.

    Raises:
        UserError: there is no such recipe, or it is wrong; every problem with its line.
    """
    text, source, base = _read(str(path_or_name))
    tree = Tree(source)
    tree.load(text)
    if tree.value is None and not tree.problems:
        tree.fail((), "the recipe is empty", "start from a shipped one: scl-rl recipes")
    elif not isinstance(tree.value, dict):
        tree.fail((), f"a recipe is a section of settings, not {shown(tree.value)}")
    if not isinstance(tree.value, dict):
        raise UserError(*tree.problems)
    problems: list[Problem] = []
    for override in overrides:
        try:
            apply_override(tree, override)
        except UserError as error:
            problems += error.problems

    top = dict(tree.value)
    data_written, stages_written = top.pop("data", None), top.pop("stages", None)
    if isinstance(top.get("model"), str):
        top["model"] = {"name": top["model"]}
    top.setdefault("name", re.sub(r"\.ya?ml$", "", Path(source).name, flags=re.IGNORECASE))
    head = validate(Head, top, (), tree, others=("data", "stages"))
    if head is not None and _is_path(head.model.name) and not _at(base, head.model.name).exists():
        tree.fail(("model", "name"), f"there is no {_at(base, head.model.name)}")
    data = _data(data_written, base, tree)
    stages, launches = _stages(stages_written, base, tree)
    given = set(SETS) if data is None else data.provides()
    for name, settings in stages.items():
        for lacking in sorted(settings.uses() - given):
            tree.fail(("stages", name), f"the data source gives no '{lacking}', which this stage needs")
    dtype = "float32" if head is None else head.model.dtype
    for name, kind in _kinds(stages_written).items():
        processes = launches[name].processes if name in launches else 1
        check_trainer(name, kind, stages_written[name], dtype, tree, processes)
    shape = None
    if head is not None and not tree.problems:
        shape = model_shape(head.model, base)
        check_context(head, stages, shape, tree)
    problems = tree.problems + problems
    if problems or head is None or data is None:
        raise UserError(*problems)
    variables = {at: found.written for at, found in tree.variables.items()}
    expanded = expand(stages, launches)
    return Recipe(head, data, stages, expanded, base, source, tree.problem, shape, variables)


def _kinds(written: Any) -> dict[str, type[StageSettings]]:
    """The settings class of each stage whose kind is known."""
    stages = written.items() if isinstance(written, dict) else ()
    kinds = {name: stage.get("kind") for name, stage in stages if isinstance(stage, dict)}
    known = registry.stage_kinds()
    return {name: known[kind] for name, kind in kinds.items() if isinstance(kind, str) and kind in known}


def _read(name: str) -> tuple[str, str, Path]:
    """A recipe's text, its name in messages, and the folder its relative paths start from."""
    if "/" in name or "\\" in name or name.lower().endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        if not path.is_file():
            near = did_you_mean(path.name, _beside(path), "")
            raise UserError(Problem(name, "there is no such file", near if near.startswith("did") else ""))
        return read_text(path, name), name, path.resolve().parent
    shipped = shipped_recipes()
    if name not in shipped:
        hint = did_you_mean(name, shipped, "a file's name ends in .yaml; shipped recipes")
        raise UserError(Problem("", f"there is no shipped recipe '{name}'", hint))
    return shipped[name], f"{name}.yaml", Path.cwd()


def _is_path(model: str) -> bool:
    """Whether a model's name can only be a place on this machine."""
    return model.startswith((".", "/", "~")) or model.endswith(".gguf")


def _at(base: Path, path: str) -> Path:
    return base / Path(path).expanduser()


def _beside(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    return [other.name for other in path.parent.iterdir() if other.suffix in (".yaml", ".yml")]


def _data(value: Any, base: Path, tree: Tree) -> DataSource | None:
    settings = _choice(value, ("data",), "source", data_sources(), tree)
    if settings is None:
        return None
    checked: DataSource | None = validate(settings, value, ("data",), tree)
    if checked is None:
        return None
    checked = checked.located(base)
    for problem in checked.missing():
        tree.add(("data",), replace(problem, hint=problem.hint or f"relative paths start at {base}"))
    return checked


def _stages(value: Any, base: Path, tree: Tree) -> tuple[dict[str, StageSettings], dict[str, Launch]]:
    """The stages whose settings are right, and how they are launched; problems of the others are noted."""
    if not isinstance(value, dict) or not value:
        wrong = f"should be a section of settings, not {shown(value)}"
        tree.fail(("stages",), wrong if value else "missing: a recipe needs at least one stage")
        return {}, {}
    stages: dict[str, StageSettings] = {}
    launches: dict[str, Launch] = {}
    kinds: dict[str, type[StageSettings]] = {}
    for name, written in value.items():
        where: Where = ("stages", name)
        if name == "data":
            tree.fail(where, "the name 'data' is taken by the data step", "choose another name")
        elif not re.fullmatch(STAGE_NAME, name):
            what = "a stage's name is made of a-z, 0-9, _ and -, and starts with a letter or digit"
            tree.fail(
                where, what if len(name) <= MAX_NAME else f"a stage's name has at most {MAX_NAME} characters"
            )
        kind = _choice(written, where, "kind", registry.stage_kinds(), tree)
        if kind is None:
            continue
        kinds[name] = kind
        _check_fields(kind, written, where, tree)
        _check_rewards(kind, written, where, base, tree)
        settings = validate(kind, with_new_names(written, kind.renamed, where, tree), where, tree)
        if settings is None:
            continue
        stages[name] = settings
        if any(seed > MAX_SEED for seed in settings.own_seeds()):
            tree.fail((*where, "seeds"), f"seeds should be at most {MAX_SEED}")
        for setting, path in settings.files().items():
            if not _at(base, path).is_file():
                hint = did_you_mean(path, settings.instead_of_files, "or one of")
                tree.fail((*where, setting), f"there is no file {_at(base, path)}", hint)
        if (launch := launch_of(settings, base)) is not None:
            launches[name] = launch
            for problem in launch_problems(settings, launch):
                tree.add((*where, "launch"), problem)
    check_parents(kinds, value, tree)
    if not tree.problems:
        check_beside(stages, tree)
    return stages, launches


def _choice(value: Any, where: Where, key: str, choices: dict[str, Any], tree: Tree) -> Any:
    """The settings class that ``value[key]`` names, or None with the problem noted."""
    if not isinstance(value, dict):
        what = f"should be a section of settings, not {shown(value)}"
        if value is None:
            what = "is null" if where in tree.places else "missing"
        tree.fail(where, what, f"{key}: one of {', '.join(choices)}")
        return None
    chosen = value.get(key)
    if chosen is None:
        what = "is null" if key in value else "missing"
        tree.fail((*where, key), what, f"one of {', '.join(choices)}")
        return None
    if not isinstance(chosen, str) or chosen not in choices:
        tree.fail(
            (*where, key), f"there is no {key} {shown(chosen)}", did_you_mean(chosen, choices, f"{key}s")
        )
        return None
    return choices[chosen]


def _check_rewards(
    kind: type[StageSettings], written: dict[str, Any], where: Where, base: Path, tree: Tree
) -> None:
    """Note every reward that can't be found, and every argument that a reward doesn't take."""
    rewards = written.get("rewards")
    if "rewards" not in kind.model_fields or not isinstance(rewards, list):
        return
    for i, reward in enumerate(rewards):
        settings = reward if isinstance(reward, dict) else {"name": reward}
        name, arguments = settings.get("name"), settings.get("args") or {}
        if not isinstance(name, str) or not isinstance(arguments, dict):
            continue
        at = (*where, "rewards", i)
        for problem in problems_of(name, arguments, base):
            tree.add((*at, "args") if problem.at else at, problem)


def _check_fields(kind: type[StageSettings], written: dict[str, Any], where: Where, tree: Tree) -> None:
    """Note what TRL's and peft's settings don't know or the stage sets itself."""
    sections: Iterator[tuple[str, str, Mapping[str, str]]] = iter(
        [("trainer", kind.trainer_config, kind.managed_fields), ("peft", "lora", {})]
        if kind.trainer_config is not None
        else []
    )
    for section, config, managed in sections:
        fields = written.get(section)
        known = config_fields(config)
        if not isinstance(fields, dict) or not known:
            continue
        for name, value in fields.items():
            at = (*where, section, name)
            if name in managed:
                tree.fail(at, f"is set by {managed[name]}", "remove it here")
            elif name not in known:
                tree.fail(at, "unknown setting", did_you_mean(name, known - set(managed)))
            elif problem := field_problem(config, name, value, shown(value)):
                tree.add((*where, section), problem)
