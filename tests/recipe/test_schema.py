"""The published schema and reference: up to date, complete, and true to what loading a recipe accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

from scl_rl.answer.settings import PromptSettings
from scl_rl.cli.main import main
from scl_rl.corpus.sources import data_sources
from scl_rl.corpus.window_settings import WindowSettings
from scl_rl.modeling.settings import ModelSettings
from scl_rl.recipe.json_schema import CONFIGS, recipe_schema, without_libraries
from scl_rl.recipe.load import shipped_recipes
from scl_rl.recipe.reference import reference
from scl_rl.recipe.schema import Head
from scl_rl.stages.registry import stage_kinds
from scl_rl.stages.shared.rewards import RewardSettings
from tests.support import HOME

DOCS = HOME / "docs"
SETTINGS: list[type[BaseModel]] = [
    Head,
    ModelSettings,
    PromptSettings,
    WindowSettings,
    RewardSettings,
    *data_sources().values(),
    *stage_kinds().values(),
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as it is now."""
    return recipe_schema()


def test_the_published_schema_is_up_to_date(schema: dict[str, Any]) -> None:
    published = json.loads((DOCS / "recipe.schema.json").read_text(encoding="utf-8"))
    if published["$comment"] != schema["$comment"]:  # other versions of TRL and peft have other fields
        published, schema = without_libraries(published), without_libraries(schema)
    assert published == json.loads(json.dumps(schema)), "scl-rl recipes schema > docs/recipe.schema.json"


def test_the_reference_is_up_to_date() -> None:
    published = (DOCS / "recipes.md").read_text(encoding="utf-8")
    assert published == reference(), "scl-rl recipes reference > docs/recipes.md"


def test_commands_print_them(schema: dict[str, Any]) -> None:
    assert json.loads(CliRunner().invoke(main, ["recipes", "schema"]).stdout) == json.loads(
        json.dumps(schema)
    )
    assert CliRunner().invoke(main, ["recipes", "reference"]).stdout == reference()


@pytest.mark.parametrize("settings", SETTINGS, ids=[settings.__name__ for settings in SETTINGS])
def test_every_setting_says_what_it_is(settings: type[BaseModel]) -> None:
    assert settings.model_config.get("extra") == "forbid"
    untold = [name for name, field in settings.model_fields.items() if not field.title]
    assert set(untold) <= {"kind", "source"}


def test_every_setting_stands_in_the_reference() -> None:
    page = reference()
    for settings in SETTINGS:
        for name, field in settings.model_fields.items():
            if field.title:
                assert f"| {field.title} |" in page or name == "from_", name


def test_fields_of_trainers(schema: dict[str, Any]) -> None:
    grpo = schema["$defs"]["GRPOConfig"]
    assert grpo["additionalProperties"] is False
    assert grpo["properties"]["num_generations"]["default"] == 8
    assert grpo["properties"]["per_device_train_batch_size"]["default"] == 8
    assert not set(stage_kinds()["grpo"].managed_fields) & set(grpo["properties"])
    assert set(CONFIGS.values()) <= set(schema["$defs"])


def test_the_schema_takes_good_recipes_and_no_others(schema: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    recipes = {name: yaml.safe_load(text) for name, text in shipped_recipes().items()}
    for name, recipe in recipes.items():
        assert [error.message for error in check.iter_errors(recipe)] == [], name
    good = recipes["quickstart"]
    stages = good["stages"]
    wrong = [
        {**good, "sead": 1},
        {**good, "seed": "three"},
        {**good, "data": {"source": "files"}},
        {**good, "stages": {**stages, "data": stages["scl"]}},
        {**good, "stages": {"scl": {"kind": "sft", "tokns": 5}}},
        {**good, "stages": {"scl": {"kind": "gpro"}}},
        {**good, "stages": {"scl": {"tokens": 5}}},
        {**good, "stages": {"scl": {"kind": "sft", "tokens": 5, "trainer": {"lerning_rate": 1}}}},
        {**good, "stages": {"scl": {"kind": "sft", "tokens": 5, "trainer": {"lr_scheduler_type": "cosin"}}}},
        {key: part for key, part in good.items() if key != "model"},
    ]
    for recipe in wrong:
        assert not check.is_valid(recipe)
    assert check.is_valid({**good, "seed": "${env:SEED:-1}", "answer": "${env:FORM}", "model": {"name": "m"}})
