"""A model with its card for the hub, which is not there in tests."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import constants
from transformers import AutoModelForCausalLM, AutoTokenizer

from scl_rl.cli.main import main
from scl_rl.modeling.load import CARD, ModelCard
from scl_rl.recipe.load import load_recipe
from scl_rl.reporter import QUIET
from scl_rl.runner.run import RunOptions, run_recipe
from tests.support.tiny import make_tiny_model

RECIPE = {
    "name": "words",
    "model": "none",
    "data": {"source": "synthetic", "documents": 8, "code_only": 0, "dev": 0, "test": 6, "codes": 8},
    "stages": {
        "words": {"kind": "dictionary"},
        "evaluate": {"kind": "evaluate", "from": "words"},
        "compare": {"kind": "compare", "from": "evaluate"},
    },
}


@pytest.fixture
def model(tmp_path):
    """A model in the folder of a finished stage."""
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    folder = run_recipe(load_recipe(tmp_path / "r.yaml"), tmp_path / "runs", RunOptions(reporter=QUIET))
    made = make_tiny_model(folder.stages / "words" / "model")
    form = {"template": "Note:\n{text}\n", "chat": False, "answer": "lines", "window": 64}
    card = ModelCard(base="me/base", dtype="float32", **form)
    (made / CARD).write_text(card.model_dump_json())
    return made


def call(*arguments):
    return CliRunner().invoke(main, ["push", *map(str, arguments)])


def test_a_dry_run_shows_the_card_and_uploads_nothing(model, monkeypatch):
    monkeypatch.setattr("scl_rl.report.push._upload", lambda *args: pytest.fail("uploaded"))
    done = call(model, "--to", "me/coder", "--dry-run")
    assert done.exit_code == 0, done.output
    card = done.output
    front = yaml.safe_load(card.split("---")[1])
    assert front["base_model"] == "me/base" and front["library_name"] == "transformers"
    assert "at most 64 tokens" in card and '"HTN"; "BP 180/100" => I10' in card
    sha = re.search(r"\| test \| 6 \| ([0-9a-f]{64}) \|", card)
    assert sha and "Not a medical device" in card and "| words |" in card
    test = (model.parents[1] / "data" / "test.jsonl").read_text()
    assert json.loads(test.splitlines()[0])["text"][:40] not in card
    assert "8 files would be uploaded to me/coder (private)" in card
    assert not (model / "README.md").exists()


def test_what_is_uploaded_loads_with_transformers_alone(model, tmp_path, monkeypatch):
    asked = {}

    class Hub:
        def create_repo(self, name, **how):
            asked["repo"] = name, how
            asked["offline"] = constants.HF_HUB_OFFLINE

        def upload_folder(self, repo_id, folder_path, commit_message):
            asked["model"] = AutoModelForCausalLM.from_pretrained(folder_path)
            asked["tokenizer"] = AutoTokenizer.from_pretrained(folder_path)
            asked["card"] = (folder_path / "README.md").read_text()

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused = call(model, "--to", "me/coder")
    assert refused.exit_code == 2 and "HF_HUB_OFFLINE is set" in refused.output and asked == {}
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    done = call(model, "--to", "me/coder", "--public", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["uploaded"] is True
    assert asked["repo"] == ("me/coder", {"private": False, "exist_ok": True})
    assert asked["offline"] is False
    assert asked["model"].num_parameters() > 1000 and asked["card"].startswith("---\n")


def test_an_adapter_names_its_base_as_the_hub_does(model, monkeypatch):
    config = {"base_model_name_or_path": "/home/me/base", "r": 8}
    (model / "adapter_config.json").write_text(json.dumps(config))
    card = json.loads((model / CARD).read_text()) | {"base": "./base"}
    (model / CARD).write_text(json.dumps(card))
    refused = call(model, "--to", "me/coder", "--dry-run")
    assert refused.exit_code == 2 and "--base-model OWNER/NAME" in refused.output
    (model / CARD).write_text(json.dumps(card | {"base_folder": "../../scl/model"}))
    assert "lies on weights of another stage" in call(model, "--to", "me/coder", "--dry-run").output
    seen = {}
    monkeypatch.setattr(
        "scl_rl.report.push._upload",
        lambda folder, *rest: seen.update(json.loads((folder / "adapter_config.json").read_text())),
    )
    done = call(model, "--to", "me/coder", "--base-model", "me/base")
    assert done.exit_code == 0, done.output
    assert seen == {"base_model_name_or_path": "me/base", "r": 8}
    assert "/home/me/base" in (model / "adapter_config.json").read_text()


@pytest.mark.parametrize("name", ["coder", "me/", "./me/coder", "a/b/c"])
def test_a_name_that_is_none_on_the_hub_is_refused(model, name):
    done = call(model, "--to", name, "--dry-run")
    assert done.exit_code == 2 and "OWNER/NAME" in done.output
