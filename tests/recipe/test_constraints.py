"""What TRL, the model and the shell ask of a recipe: found before anything is loaded, and fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scl_rl.errors import UserError
from scl_rl.recipe.load import load_recipe
from scl_rl.stages.grpo.settings import generation_batch
from scl_rl.stages.shared.config import Machine, resolve
from scl_rl.stages.shared.trl_fields import config_defaults, config_kinds, loss_types
from tests.recipe.test_load import BROKEN, GOOD

RECIPE = """\
name: toy
model: smollm2-135m
window: {tokens: 512}
data: {source: synthetic}
stages:
  sft:
    kind: sft
    tokens: 9000
    trainer: {logging_steps: 5}
    peft: {r: 32}
  pairs: {kind: pairs, from: sft}
  dpo:
    kind: dpo
    from: pairs
    trainer: {logging_steps: 1}
  grpo:
    kind: grpo
    from: sft
    max_steps: 4
    trainer: {logging_steps: 1}
"""
SFT, DPO, GRPO = (("logging_steps: 5", 9), ("logging_steps: 1", 15), ("logging_steps: 1", 20))
CHECKS = "dev documents are checked every 'eval_steps' steps of the stage"

# the stage, its trainer, and the column, field, and words of the line that comes out
REFUSED: list[tuple[str, str, str]] = [
    ("grpo", "num_generations: 1", "num_generations: should be at least 2, not 1: GRPO compares the answers"),
    ("grpo", "num_generations: null", "num_generations: should be at least 2, not null: GRPO compares the"),
    (
        "grpo",
        "num_generations: 5",
        "num_generations: 5 does not divide the 32 completions of a generation batch, "
        "per_device_train_batch_size 8 × gradient_accumulation_steps 4 (use one of 2, 4, 8, 16, 32)",
    ),
    (
        "grpo",
        "steps_per_generation: 3, num_generations: 16",
        "num_generations: 16 does not divide the 24 completions of a generation batch, "
        "per_device_train_batch_size 8 × steps_per_generation 3 (use one of 2, 3, 4, 6, 8, 12, 24)",
    ),
    (
        "grpo",
        "generation_batch_size: 20",
        "generation_batch_size: 20 is not a multiple of per_device_train_batch_size, which is 8 "
        "(use 16 or 24)",
    ),
    (
        "grpo",
        "generation_batch_size: 16, steps_per_generation: 2",
        "generation_batch_size: can't be combined with steps_per_generation: each determines the other "
        "(remove one of them)",
    ),
    (
        "grpo",
        "auto_find_batch_size: true",
        "auto_find_batch_size: would tear apart the answers to one prompt "
        "(lower per_device_train_batch_size instead)",
    ),
    (
        "grpo",
        "eval_strategy: steps",
        f"eval_strategy: the trainer is given nothing to evaluate on ({CHECKS})",
    ),
    (
        "grpo",
        "eval_strategy: step",
        "eval_strategy: there is no eval_strategy 'step' (did you mean 'steps'?)",
    ),
    ("grpo", "loss_type: drgrpo", "loss_type: there is no loss_type 'drgrpo' (did you mean 'dr_grpo'?)"),
    ("grpo", "temperature: 0", "temperature: should be more than 0, not 0"),
    ("grpo", "max_completion_length: 0", "max_completion_length: should be at least 1, not 0"),
    (
        "grpo",
        "max_completion_length: null",
        "max_completion_length: is null (set this: most tokens of an answer)",
    ),
    ("grpo", "use_vllm: true", "use_vllm: needs vllm, which is not installed (pip install vllm)"),
    (
        "grpo",
        "log_completions: true",
        "log_completions: would print notes on the console "
        "(the stage's 'save_completions' keeps them in a file)",
    ),
    (
        "grpo",
        "reward_weights: [1]",
        "reward_weights: is set by the 'weight' of each of the stage's 'rewards'",
    ),
    (
        "grpo",
        "per_device_train_batch_size: null",
        "per_device_train_batch_size: is null (set this: a whole number)",
    ),
    (
        "sft",
        "lr_scheduler_type: cosin",
        "lr_scheduler_type: there is no lr_scheduler_type 'cosin' (did you mean 'cosine'?)",
    ),
    (
        "sft",
        "lr_scheduler_type: reduce_lr_on_plateau",
        "lr_scheduler_type: 'reduce_lr_on_plateau' needs evaluations, and the trainer runs none "
        "(choose another schedule)",
    ),
    ("sft", "optim: adamw_8bit", "optim: adamw_8bit needs bitsandbytes, which is not installed (pip install"),
    ("sft", "fp16: true", "fp16: fp16 and bf16 can't both be on (set bf16: false)"),
    ("sft", "fp16: true, bf16: true", "fp16: fp16 and bf16 can't both be on (remove one of them)"),
    (
        "sft",
        "load_best_model_at_end: true",
        f"load_best_model_at_end: the trainer is given nothing to evaluate on ({CHECKS})",
    ),
    ("sft", "packing: true", "packing: needs max_length, which the recipe's 'window' stands for (remove it"),
    ("sft", "gradient_accumulation_steps: 0", "gradient_accumulation_steps: should be at least 1, not 0"),
    ("sft", "learning_rate: -1", "learning_rate: should be at least 0, not -1"),
    ("sft", "logging_steps: 0", "logging_steps: should be more than 0, not 0"),
    ("sft", "max_steps: 5", "max_steps: is set by the stage's 'tokens' (remove it here)"),
    ("sft", "report_to: comet_ml", "report_to: comet_ml is not installed (pip install comet_ml)"),
    ("dpo", "loss_type: [sigmoid, ip]", "loss_type: there is no loss_type 'ip' (did you mean 'ipo'?)"),
    (
        "dpo",
        "loss_weights: [1, 2]",
        "loss_weights: has 2 weights where loss_type has 1 (one for each; the stage's 'anchor' adds its own)",
    ),
    (
        "dpo",
        "loss_type: [exo_pair]",
        "loss_type: 'exo_pair' needs label_smoothing above 0 (the paper has 1e-3)",
    ),
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scl_rl.stages.shared.checks._installed", lambda library: False)


def with_trainer(stage: str, trainer: str) -> str:
    """The recipe with another trainer section in one of its stages."""
    before, found, after = RECIPE.partition(f"  {stage}:\n")
    assert found
    start = after.index("trainer: {")
    return f"{before}{found}{after[:start]}trainer: {{{trainer}}}{after[after.index('}', start) + 1 :]}"


def problems(text: str, *overrides: str) -> list[str]:
    """The lines that a recipe gives."""
    Path("r.yaml").write_text(text, encoding="utf-8")
    try:
        load_recipe("r.yaml", overrides)
    except UserError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(("stage", "trainer", "line"), REFUSED, ids=[line[:50] for _, _, line in REFUSED])
def test_what_the_trainer_would_refuse(stage: str, trainer: str, line: str) -> None:
    text = with_trainer(stage, trainer)
    field = line.partition(":")[0]
    number = next(n for n, row in enumerate(text.splitlines(), 1) if trainer in row)
    column = text.splitlines()[number - 1].index(f"{field}:") + 1
    (said,) = problems(text)
    assert said.startswith(f"r.yaml:{number}:{column}: at stages.{stage}.trainer.{line}")


@pytest.mark.parametrize(
    ("stage", "trainer"),
    [
        ("grpo", "num_generations: 16"),
        ("grpo", "generation_batch_size: 40, num_generations: 5"),
        ("grpo", "steps_per_generation: 3, num_generations: 12"),
        ("grpo", "eval_strategy: 'no', loss_type: dr_grpo"),
        ("sft", "fp16: true, bf16: false, lr_scheduler_type: linear, optim: sgd, report_to: [none]"),
        ("sft", "learning_rate: 0, warmup_steps: 0.1, bf16: null"),
        ("dpo", "loss_type: [sigmoid, ipo], loss_weights: [1, 0.5]"),
        ("dpo", "loss_type: [robust], label_smoothing: 0.1"),
    ],
)
def test_what_the_trainer_takes(stage: str, trainer: str) -> None:
    assert problems(with_trainer(stage, trainer)) == []


def test_adapters(tmp_path: Path) -> None:
    wrong = RECIPE.replace("peft: {r: 32}", "peft: {r: 0, lora_dropout: 1.5, bias: most}")
    assert problems(wrong) == [
        "r.yaml:10:12: at stages.sft.peft.r: should be at least 1, not 0",
        "r.yaml:10:18: at stages.sft.peft.lora_dropout: should be from 0 to below 1, not 1.5",
        "r.yaml:10:37: at stages.sft.peft.bias: there is no bias 'most' (one of: all, lora_only, none)",
    ]


def test_window_and_answer_fit_the_model() -> None:
    assert problems(RECIPE.replace("tokens: 512", "tokens: 7936")) == []
    assert problems(RECIPE.replace("tokens: 512", "tokens: 7937")) == [
        "r.yaml:11:3: at stages.pairs: 7937 tokens of a note and 256 of an answer are more than the 8192 "
        "that the model reads",
        "r.yaml:12:3: at stages.dpo: 7937 tokens of a note and 256 of an answer are more than the 8192 "
        "that the model reads",
        "r.yaml:16:3: at stages.grpo: 7937 tokens of a note and 256 of an answer are more than the 8192 "
        "that the model reads",
    ]


def test_null_means_set_this() -> None:
    text = RECIPE.replace("model: smollm2-135m", "model: null").replace("tokens: 9000", "tokens: null")
    text = text.replace("source: synthetic", "source: null").replace("max_steps: 4", "max_steps: null")
    assert problems(text) == [
        "r.yaml:2:1: at model: is null (set this: a section of settings)",
        "r.yaml:4:8: at data.source: is null (one of synthetic, codiesp, files)",
        "r.yaml:6:3: at stages.sft: needs 'tokens' or 'match_compute_of'",
        "r.yaml:19:5: at stages.grpo.max_steps: is null (set this: a whole number)",
    ]


def test_a_mistake_hides_no_other() -> None:
    trainer = "lr_scheduler_type: cosin, fp16: true, num_generations: 5"
    text = with_trainer("grpo", trainer).replace("max_steps: 4", "max_steps: null")
    text = text.replace("model: ", "modle: ")
    assert [line.partition(": at ")[2].partition(":")[0] for line in problems(text)] == [
        "model",
        "modle",
        "stages.grpo.max_steps",
        "stages.grpo.trainer.lr_scheduler_type",
        "stages.grpo.trainer.num_generations",
    ]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("grpo.trainer.num_generations=3", "num_generations: 3 does not divide the 32 completions"),
        (
            "grpo.trainer.num_generatons=4",
            "num_generatons: unknown setting (did you mean 'num_generations'?)",
        ),
        ("grpo.trainer.learning_rate=fast", "learning_rate: should be a number, not 'fast'"),
        ("grpo.trainer.learning_rate=", "learning_rate: is null (set this: a number)"),
        ("grpo.trainer.seed=4", "seed: is set by the recipe's 'seed' (remove it here)"),
    ],
)
def test_overrides_are_as_strict(override: str, line: str) -> None:
    (said,) = problems(RECIPE, override)
    assert said.startswith(f"--set {override}: at stages.grpo.trainer.{line}")


def test_broken_recipes_need_no_torch_and_no_time(tmp_path: Path) -> None:
    texts = [GOOD.replace(old, new, 1) for old, new, _ in BROKEN]
    texts += [with_trainer(stage, trainer) for stage, trainer, _ in REFUSED]
    assert len(texts) >= 40
    Path("texts.json").write_text(json.dumps(texts), encoding="utf-8")
    code = """
import json, sys, time
from pathlib import Path
import huggingface_hub.errors  # its import is what one of the recipes would wait for most
from scl_rl.errors import UserError
from scl_rl.recipe.load import load_recipe
times = []
for text in json.loads(Path("texts.json").read_text()):
    Path("r.yaml").write_text(text)
    began = time.process_time()
    try:
        load_recipe("r.yaml")
    except UserError:
        pass
    times.append(time.process_time() - began)
heavy = {"torch", "transformers", "trl", "peft", "datasets"} & set(sys.modules)
assert not heavy, heavy
print(json.dumps(times))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    times = json.loads(done.stdout)
    assert len(times) == len(texts)
    assert max(times) < 1.5


def test_defaults_are_those_of_the_classes() -> None:
    code = """
import dataclasses, json
from scl_rl.stages.shared.trl_fields import config_defaults
from trl import SFTConfig, GRPOConfig, DPOConfig
for which, config in (("sft", SFTConfig), ("grpo", GRPOConfig), ("dpo", DPOConfig)):
    found = config_defaults(which)
    real = {f.name: f.default for f in dataclasses.fields(config) if f.default is not dataclasses.MISSING}
    for name in ("num_generations", "per_device_train_batch_size", "gradient_accumulation_steps", "bf16",
                 "learning_rate", "max_completion_length", "temperature", "beta", "label_smoothing"):
        assert (name in real) == (name in found) and real.get(name) == found.get(name), (which, name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert config_defaults("grpo")["num_generations"] == 8


def test_what_fields_take() -> None:
    assert config_kinds("sft", "learning_rate") == (("float",), ())
    assert config_kinds("lora", "target_modules") == (("list", "str", "None"), ())
    assert config_kinds("lora", "loftq_config") is None
    types, words = config_kinds("sft", "lr_scheduler_type") or ((), ())
    assert types == () and {"cosine", "linear"} <= set(words)
    assert {"sigmoid", "ipo"} <= set(loss_types("dpo")) and set(loss_types("sft")) == {"nll", "dft"}


def test_the_generation_batch() -> None:
    for written, expected in (
        ("per_device_train_batch_size: 4", 16),
        ("generation_batch_size: 24, num_generations: 6", 24),
    ):
        grpo = load_recipe(_written(with_trainer("grpo", written))).written["grpo"]
        assert generation_batch(resolve(grpo, "float32", Machine.guessed())) == expected
        assert grpo.prompts_at_once(processes=1) == expected // (8 if expected == 16 else 6)


def _written(text: str) -> Path:
    path = Path("r.yaml")
    path.write_text(text, encoding="utf-8")
    return path
