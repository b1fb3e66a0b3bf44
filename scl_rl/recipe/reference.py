"""The reference of recipes, ``docs/recipes.md``, written from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..corpus.sources import data_sources
from ..stages import registry
from ..stages.contract import StageSettings
from ..stages.shared.config import COMMON, Depends
from .json_schema import CONFIGS, Schema, recipe_schema

_INTRO = """\
# Recipes

A recipe is a YAML file: a model, where the data comes from, and stages. `scl-rl recipes` lists the shipped
ones, `scl-rl recipes show NAME` prints one to start from, `scl-rl plan FILE` shows what it would do and
need, and `scl-rl run FILE` runs it. This page is generated from the settings by `scl-rl recipes reference`.

- Unknown settings are errors. All errors of a file are reported at once, before anything is loaded, with
  line, column and setting: `mine.yaml:12:5: at stages.scl.tokns: unknown setting (did you mean 'tokens'?)`.
- Relative paths are relative to the recipe's folder; in shipped recipes, to the working folder.
- `${env:NAME}` is replaced by an environment variable, `${env:NAME:-default}` has a default; quote it
  inside `{}`. Anchors (`&name`, `*name`, `<<`) work as in any YAML.
- `null` where a value is required asks the user to set it.
- `--set stage.trainer.learning_rate=1e-5` overrides a setting and is checked as strictly; `--set seed=1`
  overrides one at the top level.
- Editors complete recipes with the schema: `scl-rl recipes schema > recipe.schema.json`, and in the recipe's
  first line `# yaml-language-server: $schema=recipe.schema.json`. [One for the pinned
  versions](recipe.schema.json) of TRL and peft is next to this page.
"""
_STAGES = """\
## Stages

A stage has a name (a-z, 0-9, _ and -), a `kind` and its settings. `from` names the stage that it starts from,
or several: then it runs once for each, as `predict.scl`, and so do the stages after it. A stage with several
`seeds` counts as several. Parents run first, in whatever order they are written. A stage is skipped if
nothing that it depends on has changed.
"""
_TRAINER = """\
### `trainer`

Stages that train take the fields of TRL's config. The defaults are TRL's, except those listed with each kind
and these, which all kinds share:

| field | default |
|---|---|"""
_WORDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "array": "list",
    "object": "section",
}
_LIMITS = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}


def reference() -> str:
    """The page, in Markdown."""
    schema = recipe_schema()
    definitions = schema["$defs"]
    parts = [_INTRO, "## Top level\n", _table(schema["properties"], schema["required"], definitions)]
    for name in ("model", "prompt", "window"):
        definition = definitions[f"{name.capitalize()}Settings"]
        parts += [f"### `{name}`\n", definition["description"] + "\n", _fields(definition, definitions)]
    parts.append("## Data\n")
    for name, source in data_sources().items():
        definition = definitions[source.__name__]
        parts += [f"### `source: {name}`\n", definition["description"] + "\n"]
        parts.append(_fields(definition, definitions, "source"))
    parts.append(_STAGES)
    rows = [f"| `{name}` | {_plain(value)} |" for name, value in COMMON.items()]
    parts.append("\n".join([_TRAINER, *rows]) + "\n")
    for name, kind in registry.stage_kinds().items():
        definition = definitions[kind.__name__]
        parts += [f"### `kind: {name}`\n", definition["description"] + "\n", *_origin(kind)]
        parts.append(_fields(definition, definitions, "kind", "from"))
        parts += [*_sections(definition, definitions), *_trainer(kind)]
    reward = definitions["RewardSettings"]
    parts += ["### A reward\n", "A plain name means weight 1.\n"]
    parts += [_fields(reward, definitions), "### `launch`\n", "[Many GPUs](clusters.md) has examples.\n"]
    return "\n".join([*parts, _fields(definitions["LaunchSettings"], definitions)])


def _origin(kind: type[StageSettings]) -> Iterator[str]:
    if kind.starts_from:
        kinds = ", ".join(f"`{name}`" for name in registry.kinds_with(kind.starts_from))
        yield f"`from`: {'' if kind.needs_parent else 'nothing, or '}a stage of kind {kinds}.\n"


def _sections(definition: Schema, definitions: dict[str, Schema]) -> Iterator[str]:
    """The settings under a setting of one kind alone; `launch` belongs to several and has its own place."""
    for name, schema in definition["properties"].items():
        section = definitions.get(schema.get("$ref", "").rpartition("/")[2], {})
        if "description" in section:
            yield f"#### `{name}`\n\n{section['description']}\n"
            yield _fields(section, definitions)


def _trainer(kind: type[StageSettings]) -> Iterator[str]:
    if kind.trainer_config is None:
        return
    own = ", ".join(f"`{name}` {_plain(value)}" for name, value in kind.trainer_defaults.items())
    managed = ", ".join(f"`{name}` ({where})" for name, where in kind.managed_fields.items())
    config = CONFIGS[kind.trainer_config]
    yield f"`trainer` takes the fields of TRL's `{config}`. Defaults other than TRL's: {own}."
    yield f"Set elsewhere: {managed}.\n"


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, Depends) else _shown(value)


def _fields(definition: Schema, definitions: dict[str, Schema], *without: str) -> str:
    properties = {name: part for name, part in definition["properties"].items() if name not in without}
    return _table(properties, definition.get("required", []), definitions)


def _table(properties: dict[str, Schema], required: list[str], definitions: dict[str, Schema]) -> str:
    lines = ["| setting | takes | default | what it is |", "|---|---|---|---|"]
    for name, schema in properties.items():
        default = "**required**" if name in required else _shown(schema.get("default"))
        cells = [f"`{name}`", _takes(schema), default, schema["title"]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    return "" if default is None else f"`{json.dumps(default, ensure_ascii=False).strip(chr(34))}`"


def _takes(schema: Schema) -> str:
    """The values of a setting, in words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(words for part in schema["anyOf"] if (words := _takes(part))))
    if "$ref" in schema:
        return "" if schema["$ref"].endswith("/Variable") else "section"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        inner = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])}
        words = _takes(inner)
        return f"list of {words}" if words else "list"
    if schema.get("format") == "path":
        return "path"
    limits = [sign + f"{schema[name]:.10g}" for name, sign in _LIMITS.items() if name in schema]
    return " ".join([_WORDS.get(kind, ""), ", ".join(limits)]).strip()
