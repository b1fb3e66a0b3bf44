"""What the runner costs: a recipe of one SFT stage against the same training as a bare TRL script.

    python benchmarks/overhead.py [--model smollm2-135m] [--tokens 100000] [--rounds 1] [--out F]

Both are timed from the shell to the end of the process, turn about. The script is what one would write with
TRL alone: load the model, put an adapter on it, train on the same examples with the same config, save. It
shares one thing with the stage, the trainer that leaves out the head over the prompt on a CPU: how much
that saves is not the runner's doing. The runner also makes the data, looks at it, forks, signs checkpoints
and writes its manifest; all of that counts. ``start`` is what a run costs in which every stage is skipped.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from scl_rl.modeling.load import load_base
from scl_rl.modeling.resolve import resolve_model
from scl_rl.recipe.load import load_recipe
from scl_rl.reporter import PRINTER, QUIET
from scl_rl.runner.context import context_of
from scl_rl.runner.run import RunOptions, run_recipe
from scl_rl.runner.select import Selection
from scl_rl.stages.sft.mixture import compose
from scl_rl.stages.shared.prompting import Prompting

BARE = """
import json, sys
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig
from scl_rl.upstream.trainers import AnswerLossTrainer

folder, model_folder = sys.argv[1:]
given = json.load(open(f"{folder}/given.json"))
tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16)
set_seed(0)
model = get_peft_model(model, LoraConfig(**given["peft"]))
config = SFTConfig(**given["config"], output_dir=f"{folder}/bare")
data = Dataset.from_list(given["examples"])
trainer = AnswerLossTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer)
trainer.train()
trainer.save_model(f"{folder}/bare/model")
"""
PEFT = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
BATCH = 4
SAME = {
    "learning_rate": 5e-4,
    "per_device_train_batch_size": BATCH,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.05,
    "save_steps": 0.25,
    "logging_steps": 5,
}


def main() -> None:
    """Prepare, time, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--model", default="smollm2-135m")
    options.add_argument("--tokens", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="scl-rl-overhead-") as name:
        report = measure(Path(name), given.model, given.tokens, given.rounds)
    print(json.dumps(report, indent=2))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, model: str, tokens: int, rounds: int) -> dict[str, Any]:
    """Seconds of both, turn about, and their ratio."""
    recipe = folder / "overhead.yaml"
    recipe.write_text(yaml.safe_dump(_recipe(model, tokens), sort_keys=False), encoding="utf-8")
    (folder / "bare.py").write_text(BARE, encoding="utf-8")
    _write_given(folder, recipe)
    model_folder = resolve_model(model, Path.cwd())
    runner = [sys.executable, "-c", "from scl_rl.cli.main import main; main()", "run", str(recipe)]
    runner += ["--runs", str(folder / "runs")]
    bare = [sys.executable, str(folder / "bare.py"), str(folder), model_folder]
    seconds: dict[str, list[float]] = {"runner": [], "bare": [], "start": []}
    for _ in range(rounds):
        shutil.rmtree(folder / "bare", ignore_errors=True)
        shutil.rmtree(folder / "runs", ignore_errors=True)
        seconds["bare"].append(_timed(bare))
        seconds["runner"].append(_timed(runner))
        seconds["start"].append(_timed(runner))
    ratios = [ours / theirs for ours, theirs in zip(seconds["runner"], seconds["bare"], strict=True)]
    return {"model": model, "tokens": tokens, "seconds": seconds, "ratio": ratios}


def _recipe(model: str, tokens: int) -> dict[str, Any]:
    sft = {
        "kind": "sft",
        "mixture": {"documents": 0.6, "spans": 0.4},
        "tokens": tokens,
        "peft": {"r": 16},
        "trainer": SAME,
    }
    data = {"source": "synthetic", "documents": 160, "code_only": 0, "dev": 2, "test": 2}
    return {"name": "overhead", "model": model, "data": data, "stages": {"sft": sft}}


def _write_given(folder: Path, file: Path) -> None:
    """What the script trains on: the stage's own examples, and the fields of its config."""
    from scl_rl.stages.sft.settings import SftSettings
    from scl_rl.stages.shared.trainer import trainer_fields

    recipe = load_recipe(file)
    until = RunOptions(Selection(until=("data",)), reporter=QUIET)
    run = run_recipe(recipe, folder / "prepared", until)
    context = context_of(recipe, run, "sft", folder, PRINTER)
    settings = recipe.written["sft"]
    assert isinstance(settings, SftSettings)
    tokenizer = load_base(recipe.head.model.name, recipe.base, "bfloat16").tokenizer
    prompting = Prompting.of(context, tokenizer)
    composed = compose(settings, context, prompting, folder / "examples")
    examples = composed.in_batches(BATCH, random.Random("0-order"))
    fields = trainer_fields(settings, context)
    config = {**{key: value for key, value in fields.items() if key != "output_dir"}, **SAME}
    given = {"peft": PEFT, "config": config, "examples": examples.to_list()}
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")


def _timed(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    main()
