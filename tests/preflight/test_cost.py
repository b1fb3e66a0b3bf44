"""What a plan says of its stages' cost, and what it finds wrong between a recipe and its data."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save_file

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document
from scl_rl.errors import UserError
from scl_rl.modeling.memory import Weights, activations, generation, total
from scl_rl.modeling.settings import ModelSettings
from scl_rl.modeling.shape import ModelShape, model_shape
from scl_rl.preflight.cost import Cost, Estimator, disk_needed
from scl_rl.preflight.data import check_data
from scl_rl.preflight.inspection import inspect
from scl_rl.preflight.lengths import Lengths, TokenCounter, measure
from scl_rl.recipe.load import load_recipe
from scl_rl.runner.folder import RunFolder

RECIPE = """\
name: toy
model: smollm2-135m
data: {source: synthetic, codes: 10, documents: 30, code_only: 20, dev: 10, test: 12, characters: 200}
stages:
  scl: {kind: sft, tokens: 9000, mixture: {documents: 1, spans: 1}, trainer: {per_device_train_batch_size: 4}}
  more: {kind: sft, tokens: 1000, from: scl, freeze: [embed_tokens]}
  pairs: {kind: pairs, from: scl, samples: 4, pairs_per_prompt: 1, negatives: [negated], max_new_tokens: 64}
  dpo: {kind: dpo, from: pairs, peft: {r: 8}}
  grpo:
    kind: grpo
    from: scl
    max_steps: 6
    peft: {r: 8}
    trainer: {max_completion_length: 64, per_device_train_batch_size: 4, gradient_accumulation_steps: 4}
  like: {kind: sft, from: scl, match_compute_of: grpo}
  predict: {kind: predict, from: [scl, grpo], max_new_tokens: 64}
  evaluate: {kind: evaluate, from: predict}
"""
SHAPE = ModelShape(
    layers=2,
    hidden=8,
    intermediate=16,
    heads=2,
    key_value_heads=1,
    head_size=4,
    vocabulary=100,
    context=300,
    weights={
        "model.embed_tokens.weight": (100, 8),
        "model.layers.0.self_attn.q_proj.weight": (8, 8),
        "model.layers.0.mlp.up_proj.weight": (16, 8),
        "model.layers.0.input_layernorm.weight": (8,),
    },
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def loaded(text: str = RECIPE, *overrides: str) -> Any:
    """A recipe."""
    Path("r.yaml").write_text(text, encoding="utf-8")
    return load_recipe("r.yaml", overrides)


def costs(text: str = RECIPE, done: dict[str, Any] | None = None, **lengths: Lengths) -> dict[str, Cost]:
    """The costs of a recipe on data of the given lengths."""
    known = {
        "annotated": Lengths(30, (50, 60), (10, 20)),
        "spans": Lengths(40, (5, 5), (10, 10)),
        "code_only": Lengths(20, (55,), (0,)),
        "dev": Lengths(10, (55,), (15,)),
        "test": Lengths(12, (70,), (15,)),
    }
    return Estimator(loaded(text), {**known, **lengths}, SHAPE, done or {}).run()


def call(*args: str) -> Result:
    """Run ``scl-rl`` in this process."""
    return CliRunner().invoke(main, args)


def test_examples_tokens_and_steps() -> None:
    found = costs()
    # half of the tokens from documents of 55 + 15, half from spans of 5 + 10
    assert (found["scl"].tokens, found["scl"].examples) == (9000, round(4500 / 70 + 4500 / 15))
    assert found["scl"].steps == 91 and found["scl"].generated is None
    assert (found["more"].examples, found["more"].steps) == (14, 2)
    grpo = found["grpo"]
    assert (grpo.examples, grpo.steps, grpo.generated, grpo.tokens) == (30, 6, 96 * 15, 96 * 70)
    assert grpo.notes == ["96 completions for 12 of 30 prompts"]
    assert found["like"].tokens == grpo.tokens
    pairs = found["pairs"]
    assert (pairs.examples, pairs.generated, pairs.tokens) == (30, 30 * 4 * 15, 30 * 55 + 30 * 4 * 15)
    assert found["dpo"].examples == 60 and found["dpo"].steps == 8
    assert found["dpo"].notes == ["about 60 pairs: known once pairs has run"]
    predicted = found["predict.scl"]
    assert (predicted.examples, predicted.generated, predicted.tokens) == (12, 180, 12 * 85)
    assert found["evaluate.scl"] == Cost()


def test_what_has_run_is_known() -> None:
    done = {"grpo": {"tokens": 500, "generated_tokens": 70}, "pairs": {"pairs": 24}}
    found = costs(done=done)
    assert found["like"].tokens == 570
    assert (found["dpo"].examples, found["dpo"].steps, found["dpo"].notes) == (24, 3, [])


def test_what_can_not_be_known() -> None:
    found = costs(RECIPE.replace("match_compute_of: grpo", "match_compute_of: grpo, match_by: seconds"))
    assert found["like"].tokens is None and found["like"].steps is None
    assert found["like"].notes == ["as much as grpo: known once that has run"]
    nothing = costs(annotated=Lengths(0))["scl"]
    assert nothing.steps is None and nothing.notes == ["there are no documents to train on"]
    unknown = Estimator(loaded(), {}, None, {}).run()
    assert all(cost.memory is None and not cost.parts for cost in unknown.values())


def test_memory_and_disk() -> None:
    found = costs()
    size = SHAPE.parameters
    assert size == 800 + 64 + 128 + 8
    full, frozen, adapter = found["scl"], found["more"], found["grpo"]
    assert full.parts["optimizer"] == 12 * size and full.disk == 4 * size
    assert frozen.parts["optimizer"] == 12 * (size - 800)
    assert SHAPE.adapter({"r": 8}) == 8 * (16 + 24)
    assert adapter.parts["adapter"] == 4 * 320 and adapter.parts["optimizer"] == 12 * 320
    assert adapter.parts["weights"] == 2 * size and adapter.disk == 4 * 320
    assert "reference" not in adapter.parts
    whole = costs(RECIPE.replace("    peft: {r: 8}\n", ""))["grpo"]
    assert whole.parts["reference"] == 4 * size
    # keys and values of 16 completions: 60 tokens of the longest prompt, or 70 in the test set, and 64
    assert adapter.parts["kv_cache"] == 16 * (70 + 64) * 2 * 2 * 4 * 2
    assert adapter.memory is not None and adapter.memory > sum(adapter.parts.values()) / 2
    assert disk_needed([Cost(disk=5, passing=20), Cost(disk=7, passing=1)]) == 25
    assert disk_needed([Cost(disk=5, passing=1), Cost(disk=7, passing=30)]) == 42


def test_memory_grows_with_what_it_holds() -> None:
    weights = Weights(SHAPE, SHAPE.parameters, 0, 2, True)
    one = activations(weights, 1, 100, 10, True)
    assert activations(weights, 4, 100, 10, True) == 4 * one
    assert activations(weights, 1, 200, 10, True) > one > activations(weights, 1, 100, 10, False)
    assert activations(weights, 1, 100, 20, True) - one == 10 * 100 * 12
    assert generation(weights, 1, 60, 40) == {"kv_cache": 100 * 2 * 2 * 4 * 2, "prompt_scores": 60 * 100 * 8}
    parts = {"weights": 5.0, "activations": 3.0, "kv_cache": 2.0, "prompt_scores": 2.5}
    assert total(parts, gpu=True) == 9.5 and total(parts, gpu=False) > 4e8


def test_targets_of_an_adapter() -> None:
    assert SHAPE.adapter({"r": 2, "target_modules": ["q_proj"]}) == 2 * 16
    assert SHAPE.adapter({"r": 2, "target_modules": r".*up_proj"}) == 2 * 24
    assert SHAPE.adapter({}) == 16 * 40


def test_the_shape_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 64, "vocab_size": 100}
    (folder / "config.json").write_text(json.dumps(config))
    weights = {"wte.weight": numpy.zeros((100, 8)), "h.0.attn.c_attn.weight": numpy.zeros((8, 24))}
    save_file(weights, folder / "model.safetensors")
    shape = model_shape(ModelSettings(name="./model"), tmp_path)
    assert shape is not None
    assert (shape.layers, shape.intermediate, shape.context, shape.parameters) == (2, 32, 64, 992)
    assert shape.adapter({"r": 1}) == 32 and shape.tokenizer is None


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"hidden_size": "x"}'])
def test_a_folder_that_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text(text)
    assert model_shape(ModelSettings(name="./m"), tmp_path) is None


def test_the_shape_of_a_gguf_file(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(16)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_tensor("token_embd.weight", numpy.zeros((50, 8), dtype=numpy.float32))
    writer.add_tensor("blk.0.attn_q.weight", numpy.zeros((8, 8), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shape = model_shape(ModelSettings(name="m.gguf"), tmp_path)
    assert shape is not None
    assert (shape.layers, shape.context, shape.vocabulary, shape.head_size) == (1, 128, 50, 4)
    assert shape.parameters == 464 and shape.adapter({"r": 1}) == 16


def test_the_built_in_model_is_known_before_it_is_fetched(tmp_path: Path) -> None:
    shape = model_shape(ModelSettings(name="smollm2-135m"), tmp_path)
    assert shape is not None and shape.tokenizer is None
    assert (shape.parameters, shape.adapter({"r": 16})) == (134_515_008, 4_884_480)  # as loaded and as saved
    assert model_shape(ModelSettings(name="some/other"), tmp_path) is None


def test_a_look_at_synthetic_data_counts_all_and_reads_some() -> None:
    recipe = loaded(RECIPE.replace("test: 12", "test: 5000"))
    sample = recipe.data.sample()
    assert sample.counts["test"] == 5000 and sample.counts["annotated"] == 30
    assert len(sample.records["test"]) == 60
    small = loaded().data.sample()
    lengths = measure(recipe, small, TokenCounter(None))
    assert [lengths[name].number for name in ("annotated", "code_only", "test")] == [30, 20, 12]
    assert 30 < lengths["annotated"].prompt < 200 and lengths["annotated"].answer > 5


def test_windows_are_counted() -> None:
    sample = loaded().data.sample()
    whole = measure(loaded(), sample, TokenCounter(None))["annotated"]
    cut = measure(loaded(RECIPE + "window: {tokens: 16}\n"), sample, TokenCounter(None))["annotated"]
    assert cut.number > whole.number == 30
    assert cut.longest_prompt < whole.longest_prompt


def note(number: int, text: str = "", code: str = "I10") -> Document:
    """A note with one code."""
    text = text or f"Note {number}. He has HTN."
    start = text.index("HTN")
    return Document(
        id=f"n{number}", text=text, annotations=[Annotation(code=code, mentions=[[(start, start + 3)]])]
    )


def files(**sets: list[Document]) -> str:
    """A recipe on files with these documents."""
    for name, documents in sets.items():
        write_jsonl(Path(f"{name}.jsonl"), documents)
    data = "".join(f"  {name}: {name}.jsonl\n" for name in sets)
    return (
        f"name: toy\nmodel: smollm2-135m\ndata:\n  source: files\n{data}"
        "stages:\n  scl: {kind: sft, tokens: 900}\n  predict: {kind: predict, from: scl, max_new_tokens: 3}\n"
    )


def problems(text: str, **checks: Any) -> list[str]:
    """What the check of the data says is wrong."""
    recipe = loaded(text)
    sample = recipe.data.sample()
    lengths = measure(recipe, sample, TokenCounter(None))
    try:
        recipe = dataclasses.replace(recipe, shape=checks.get("shape"))
        check_data(recipe, sample, lengths, checks.get("exact", False))
    except UserError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_splits_that_share_documents() -> None:
    train = [note(n) for n in range(6)]
    assert problems(files(annotated=train, test=[note(7)], dev=[note(8)])) == []
    same_id = [note(3, "Another text. HTN."), note(9)]
    same_text = [note(10, train[0].text), note(11, train[1].text), note(12)]
    assert problems(files(annotated=train, test=same_id, dev=same_text)) == [
        "r.yaml:7:3: at data.dev: shares 2 documents with 'annotated', the first with the id n10 "
        "(a document must be in only one of them)",
        "r.yaml:6:3: at data.test: shares 1 documents with 'annotated', the first with the id n3 "
        "(a document must be in only one of them)",
    ]
    twice = files(annotated=train, dev=[note(7)], test=[note(7)])
    assert "at data.test: shares 1 documents with 'dev'" in problems(twice)[0]


def test_answers_that_are_cut_off() -> None:
    text = files(annotated=[note(n) for n in range(4)], test=[note(9)])
    assert problems(text, exact=True) == [
        "r.yaml:9:39: at stages.predict.max_new_tokens: 100% of the gold answers have more than 3 tokens "
        "(the longest has 4)"
    ]
    assert problems(text) == []  # guessed from characters: said, and no mistake
    recipe = loaded(text)
    sample = recipe.data.sample()
    (said,) = check_data(recipe, sample, measure(recipe, sample, TokenCounter(None)), False)
    assert said == "predict: 100% of the gold answers have more than 3 tokens (the longest has 4)"


def test_notes_longer_than_the_model_reads() -> None:
    text = files(annotated=[note(1, "HTN. " + "word " * 400)], test=[note(2)]).replace(": 3}", ": 50}")
    (said,) = problems(text, exact=True, shape=SHAPE)
    assert said.startswith("r.yaml:1:1: at window: the longest prompt of 'annotated' has 50")
    assert said.endswith("than the 300 that the model reads (set window: {tokens: 150})")
    assert problems(text, exact=False, shape=SHAPE) == []


def test_a_run_checks_its_data_before_a_model_is_loaded() -> None:
    text = files(annotated=[note(1)], test=[note(1)])
    done = call("run", "r.yaml") if loaded(text) else None
    assert done is not None and done.exit_code == 2
    assert "error: r.yaml:6:3: at data.test: shares 1 documents" in done.stderr
    recipe = loaded(files(annotated=[note(1)], test=[note(2)]))
    made = Path("runs/toy/stages/data")
    assert made.is_dir()
    (made / "test.jsonl").write_bytes(Path("test.jsonl").read_bytes())
    (odd,) = inspect(recipe, RunFolder(Path("runs/toy")).data()).notes
    assert odd.startswith("predict: 100% of the gold answers")


def test_plan_prints_what_a_run_takes() -> None:
    loaded()
    done = call("plan", "r.yaml")
    assert done.exit_code == 0, done.output
    rows = {row.split()[0]: row.split() for row in done.stdout.splitlines() if row.strip()}
    assert rows["scl"][2] == "9,000"
    assert "data: 30 annotated, " in done.stdout and "tokens by characters, four to a token" in done.stdout
    assert "model: 135M parameters, reads 8,192 tokens" in done.stdout
    assert "note: dpo: about 60 pairs: known once pairs has run" in done.stdout
    assert not Path("runs").exists()
    shown = json.loads(call("plan", "r.yaml", "--json").stdout)
    stages = {stage["name"]: stage["estimate"] for stage in shown["stages"]}
    assert stages["data"] is None
    assert stages["grpo"]["steps"] == 6 and stages["grpo"]["memory_parts_gb"]["weights"] == 0.27
    assert shown["data"]["test"]["records"] == 12 and shown["tokens_by"] == "characters"
    assert shown["model"] == {"parameters": 134_515_008, "context": 8192}
    assert shown["disk_gb"]["needed"] > 1 and shown["disk_gb"]["free"] > 0


def test_plan_tells_what_is_wrong_with_the_data() -> None:
    loaded(files(annotated=[note(1)], test=[note(2)]))
    with Path("test.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("{}\n")
    done = call("plan", "r.yaml")
    assert done.exit_code == 2
    assert "test.jsonl:2: 'id' is missing" in done.stderr


def test_an_unknown_model_is_said_to_be_unknown() -> None:
    loaded(RECIPE.replace("smollm2-135m", "some/model"))
    done = call("plan", "r.yaml")
    assert done.exit_code == 0
    assert "note: model 'some/model' is not on this machine: its memory is unknown" in done.stdout


def test_plan_imports_neither_torch_nor_transformers() -> None:
    loaded()
    code = """
import sys
from scl_rl.cli.main import main
main(["plan", "r.yaml"], standalone_mode=False)
heavy = {"torch", "transformers", "trl", "peft", "datasets"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
