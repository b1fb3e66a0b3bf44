"""A stage's folder on its own: transformers and peft load it, and its card has the code, which runs."""

import json
import re

import pytest
import yaml
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from scl_rl.answer.prompt import prompt_for
from scl_rl.modeling.generate import generate
from scl_rl.modeling.load import load_trained, read_card
from scl_rl.recipe.load import load_recipe
from scl_rl.report.write import write_report
from scl_rl.reporter import QUIET
from scl_rl.runner.run import RunOptions, run_recipe
from tests.support.heard import Heard
from tests.support.tiny import make_tiny_model

SFT = {"kind": "sft", "mixture": {"documents": 1.0}, "tokens": 1500, "trainer": {"learning_rate": 1e-3}}
STAGES = {
    "whole": SFT,
    "adapter": {**SFT, "peft": {"r": 4}},
    "on-top": {**SFT, "peft": {"r": 4}, "from": "whole"},
}


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "chat"])
def run(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("standalone")
    make_tiny_model(home / "tiny")
    data = {
        "source": "synthetic",
        "documents": 8,
        "spans": 0,
        "code_only": 0,
        "dev": 0,
        "test": 4,
        "codes": 6,
    }
    prompt = {"template": 'Codes of "{text}"?\n', "chat": request.param}
    recipe = {"name": "alone", "model": "./tiny", "data": data, "prompt": prompt, "stages": STAGES}
    (home / "r.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    folder = run_recipe(load_recipe(home / "r.yaml"), home / "runs", RunOptions(reporter=QUIET))
    write_report(folder)
    return folder


def code_of(card):
    """The one block of Python in a card."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", card, re.M | re.S)
    return code


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_of_a_card_asks_as_scl_rl_does(run, stage, monkeypatch, capsys):
    folder = run.stages / stage / "model"
    code = code_of((folder / "README.md").read_text(encoding="utf-8"))
    assert "scl_rl" not in code
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    card, loaded = read_card(folder), load_trained(folder, run.path.parents[1])
    prompt = prompt_for(names["note"], card.template, card.chat)
    (answer,) = generate(loaded, [prompt], 256, 1)
    assert capsys.readouterr().out == f"{answer}\n" and len(answer) > 20


def test_a_card_says_what_the_model_is_and_nothing_of_the_notes(run):
    card = (run.stages / "on-top" / "model" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert front["library_name"] == "peft" and "base_model" not in front
    assert "# alone: on-top" in card and "the weights below the adapter are in `../../whole/model`" in card
    assert re.search(r"\| annotated \| 8 \| [0-9a-f]{64} \|", card)
    for line in (run.stages / "data" / "annotated.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["text"][:40] not in card


def test_adapters_load_with_peft_alone(run):
    weights = AutoModelForCausalLM.from_pretrained(run.stages / "whole" / "model")
    model = PeftModel.from_pretrained(weights, run.stages / "on-top" / "model")
    assert model.peft_config["default"].r == 4
    automatic = AutoPeftModelForCausalLM.from_pretrained(run.stages / "adapter" / "model")
    assert automatic.peft_config["default"].r == 4
    assert len(AutoTokenizer.from_pretrained(run.stages / "adapter" / "model")) > 200


def test_the_card_is_no_change_of_a_stage(run):
    lines = []
    source = run.path.parents[1] / "r.yaml"
    run_recipe(load_recipe(source), run.path.parent, RunOptions(reporter=Heard(lines)))
    assert [line.split(":")[0] for line in lines if "unchanged" in line] == [
        "skip data",
        *(f"skip {s}" for s in STAGES),
    ]
