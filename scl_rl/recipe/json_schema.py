"""The JSON schema of recipes, from which editors complete them and the reference is written."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ..corpus.sources import data_sources
from ..stages import registry
from ..stages.contract import StageSettings
from ..stages.shared.config import Depends, defaults_of
from ..stages.shared.trl_fields import config_defaults, config_fields, config_kinds
from .schema import STAGE_NAME, Head

Schema = dict[str, Any]

LIBRARIES = ("trl", "transformers", "peft")
CONFIGS = {"sft": "SFTConfig", "dpo": "DPOConfig", "grpo": "GRPOConfig", "lora": "LoraConfig"}
_TYPES = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "None": "null",
    "list": "array",
    "dict": "object",
}
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{env:", "title": "A value from the environment"}


def recipe_schema() -> Schema:
    """The schema of a recipe's file, with the fields of TRL and peft as they are installed."""
    kinds, sources = registry.stage_kinds(), data_sources()
    definitions = _definitions([Head, *sources.values(), *kinds.values()])
    head = definitions.pop(Head.__name__)
    for kind in kinds.values():
        _complete_stage(kind, definitions[kind.__name__]["properties"], definitions)
    for source in sources.values():
        definitions[source.__name__].setdefault("required", []).append("source")
    definitions["Variable"] = _VARIABLE
    properties = head["properties"]
    properties["model"] = {
        "title": properties["model"]["title"],
        "anyOf": [{"type": "string"}, properties["model"] | {"title": "A model and how it is loaded"}],
    }
    properties = _with_variables(properties)
    properties["data"] = {
        "title": "Where documents and spans come from",
        **_by("source", {name: source.__name__ for name, source in sources.items()}),
    }
    properties["stages"] = {
        "title": "The stages of the run, by name",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{STAGE_NAME}$", "not": {"const": "data"}},
        "additionalProperties": _by("kind", {name: kind.__name__ for name, kind in kinds.items()}),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": ", ".join(f"{library} {_version(library)}" for library in LIBRARIES),
        "title": "A recipe of scl-rl",
        "type": "object",
        "additionalProperties": False,
        "required": ["model", "data", "stages"],
        "properties": properties,
        "$defs": {
            name: schema if name == "Variable" else _with_variables(schema)
            for name, schema in sorted(definitions.items())
        },
    }


def without_libraries(schema: Schema) -> Schema:
    """The schema without what depends on the versions of TRL and peft."""
    kept = {name: part for name, part in schema["$defs"].items() if name not in CONFIGS.values()}
    return {**schema, "$comment": "", "$defs": kept}


def _definitions(models: list[type[BaseModel]]) -> dict[str, Schema]:
    found = models_json_schema([(model, "validation") for model in models], by_alias=True)[1]
    definitions: dict[str, Schema] = found["$defs"]
    return definitions


def _complete_stage(
    kind: type[StageSettings], properties: dict[str, Schema], definitions: dict[str, Schema]
) -> None:
    """Say what pydantic does not know of a stage's settings: TRL's fields, and rewards named alone."""
    for section, config in (("trainer", kind.trainer_config), ("peft", kind.trainer_config and "lora")):
        if config is not None and section in properties:
            name = CONFIGS[config]
            definitions[name] = _config(config, kind if section == "trainer" else None)
            reference = {"$ref": f"#/$defs/{name}"}
            if section == "peft":
                reference = {"anyOf": [reference, {"type": "null"}], "default": None}  # type: ignore[dict-item]
            properties[section] = {"title": properties[section]["title"], **reference}
    if "rewards" in properties:
        properties["rewards"]["items"] = {"anyOf": [{"type": "string"}, properties["rewards"]["items"]]}
        default = kind.model_fields["rewards"].get_default(call_default_factory=True)
        properties["rewards"]["default"] = [reward.name for reward in default]


def _config(which: str, kind: type[StageSettings] | None) -> Schema:
    """The fields of a library's config that a recipe may set."""
    library = "peft" if which == "lora" else "TRL"
    defaults = {**config_defaults(which), **(defaults_of(kind) if kind else {})}
    managed = kind.managed_fields if kind else {}
    properties: dict[str, Schema] = {}
    for name in sorted(config_fields(which) - set(managed)):
        properties[name] = _field(which, name)
        default = defaults.get(name)
        if isinstance(default, Depends):
            properties[name]["description"] = f"default: {default}"
        elif isinstance(default, bool | int | float | str):
            properties[name]["default"] = default
    return {
        "title": f"Fields of {library}'s {CONFIGS[which]}",
        "type": "object",
        "additionalProperties": not properties,
        "properties": properties,
    }


def _field(which: str, name: str) -> Schema:
    kinds = config_kinds(which, name)
    if kinds is None:
        return {}
    types, words = kinds
    options: list[Schema] = [{"type": _TYPES[kind]} for kind in types]
    if words:
        options.append({"enum": list(words)})
    return options[0] if len(options) == 1 else {"anyOf": options}


def _by(key: str, names: dict[str, str]) -> Schema:
    """A section that is one of several definitions, told apart by ``key``."""
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(names)}},
        "allOf": [
            {"if": {"properties": {key: {"const": value}}}, "then": {"$ref": f"#/$defs/{name}"}}
            for value, name in names.items()
        ],
    }


def _with_variables(schema: Any) -> Any:
    """The schema, where every value that is no free text may come from the environment too."""
    if isinstance(schema, list):
        return [_with_variables(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    options = [option for part in schema.get("anyOf", [schema]) for option in part.get("anyOf", [part])]
    if any(map(_no_free_text, options)):
        outside = {name: schema[name] for name in ("title", "description", "default") if name in schema}
        inside = [{name: part for name, part in option.items() if name not in outside} for option in options]
        return {**outside, "anyOf": [*_with_variables_in(inside), {"$ref": "#/$defs/Variable"}]}
    return {name: part if name == "default" else _with_variables(part) for name, part in schema.items()}


def _no_free_text(schema: Schema) -> bool:
    return schema.get("type") in ("integer", "number", "boolean") or "enum" in schema or "pattern" in schema


def _with_variables_in(options: list[Schema]) -> list[Schema]:
    return [option if _no_free_text(option) else _with_variables(option) for option in options]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
