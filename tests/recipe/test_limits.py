"""Numbers that no machine can do anything with, and names that no model has, are refused before a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.errors import UserError
from scl_rl.modeling.settings import ModelSettings
from scl_rl.modeling.shape import model_shape
from scl_rl.preflight.inspection import inspect
from scl_rl.recipe.load import load_recipe

RECIPE = """\
name: toy
model: smollm2-135m
data: {source: synthetic}
stages:
  scl: {kind: sft, tokens: 9000, peft: {r: 8}, trainer: {}}
  pairs: {kind: pairs, from: scl}
  grpo: {kind: grpo, from: scl, max_steps: 1}
  predict: {kind: predict, from: scl}
  evaluate: {kind: evaluate, from: predict}
  compare: {kind: compare, from: evaluate}
"""
HUGE = 10**20
LAYERS = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (f"scl.trainer.data_seed={HUGE}", "should be at most 4294967295, not"),
        (f"scl.trainer.per_device_train_batch_size={HUGE}", "should be at most 1000000, not"),
        (f"grpo.trainer.generation_batch_size={HUGE}", "should be at most 1000000, not"),
        (
            "grpo.trainer={per_device_train_batch_size: 999983, gradient_accumulation_steps: 1}",
            "8 does not divide the 999983 completions of a generation batch",
        ),
        ("scl.trainer.adam_beta1=1", "should be less than 1, not 1"),
        ("scl.trainer.adam_beta2=-1", "should be at least 0, not -1"),
        ("scl.peft.r=100000", "should be at most 4096, not 100000"),
        ("scl.peft.target_modules=[]", "should not be empty (all-linear, or a list of names)"),
        ("scl.peft.target_modules=''", "should not be empty (all-linear, or a list of names)"),
        ("scl.peft.target_modules='[('", "'[(' is no regular expression: unterminated character set"),
        ("scl.peft.target_modules=[q_porj]", "the model has no layer 'q_porj' (did you mean 'q_proj'?)"),
        ("scl.peft.target_modules=[1]", f"the model has no layer 1 (its layers: {LAYERS})"),
        ("scl.peft.target_modules=q_proj", "the model has no layer 'q_proj' (a text is a regular expression"),
        (f"data.documents={HUGE}", "should be at most 10000000, not"),
        (f"data.characters={HUGE}", "should be at most 1000000, not"),
        (f"predict.batch_size={HUGE}", "should be at most 1000000, not"),
        (f"pairs.samples={HUGE}", "should be at most 1000000, not"),
        (f"compare.resamples={HUGE}", "should be at most 1000000, not"),
        (f"seed={'9' * 6000}", "is not a valid int"),
    ],
)
def test_what_is_out_of_all_bounds_is_refused(tmp_path: Path, override: str, said: str) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    with pytest.raises(UserError) as caught:
        load_recipe(tmp_path / "r.yaml", [override])
    line = str(caught.value)
    assert said in line and len(line) < 500 and len(line.splitlines()) == 1, line


@pytest.mark.parametrize("targets", ["[q_proj]", "'.*_proj'", "all-linear", "[embed_tokens]"])
def test_layers_that_the_model_has_are_taken(tmp_path: Path, targets: str) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    load_recipe(tmp_path / "r.yaml", [f"scl.peft.target_modules={targets}"])


def test_guessed_names_of_layers_refuse_nothing(tmp_path: Path) -> None:
    config = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 9}
    (tmp_path / "m").mkdir()
    (tmp_path / "m/config.json").write_text(json.dumps({**config, "max_position_embeddings": 512}))
    shape = model_shape(ModelSettings(name="./m"), tmp_path)
    assert shape is not None and not shape.exact and shape.linear_layers() == []
    text = RECIPE.replace("smollm2-135m", "./m").replace("kind: sft,", "kind: sft, mixture: {spans: 1},")
    (tmp_path / "r.yaml").write_text(text)
    load_recipe(tmp_path / "r.yaml", ["scl.peft.target_modules=[c_attn]"])


def test_more_codes_than_there_are_have_a_place(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    with pytest.raises(UserError, match=r"^--set data\.codes=99999: at data\.codes: 99999 codes"):
        inspect(load_recipe(tmp_path / "r.yaml", ["data.codes=99999"]))
    done = CliRunner().invoke(main, ["data", "make", "--out", str(tmp_path / "c"), "--codes", "99999"])
    assert done.exit_code == 2 and done.stderr.startswith("error: --codes: at codes: 99999 codes were asked")
    assert not (tmp_path / "c").exists()
