"""What a step of GRPO and of DPO costs, and predictions, in TRL's own way and in ours.

    python benchmarks/steps.py [--model smollm2-135m] [--prompts 100 500 2000] [--steps 2] [--out F]

A small model is first trained by SFT on synthetic notes, so that its answers end. Then each case runs turn
about, each time in a process of its own: GRPO and DPO stages with ``shared_prompt`` off (TRL's own way) and
auto (ours), on notes of so many tokens; and predictions of many notes by transformers' ``generate`` in the
order of the file and by ours. The first step of a stage, in which both ways are compared, doesn't count.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar, Literal

from scl_rl.answer.prompt import prompt_for
from scl_rl.answer.settings import PromptSettings
from scl_rl.corpus.jsonl import read_documents, whole_lines, write_jsonl
from scl_rl.corpus.sources.synthetic import SyntheticSource
from scl_rl.modeling.load import load_base, load_trained
from scl_rl.modeling.settings import ModelSettings
from scl_rl.preflight.hardware import hardware
from scl_rl.reporter import QUIET
from scl_rl.runner.execute.local import run_in_subprocess
from scl_rl.stages.contract import DataFiles, StageContext, StageResult, StageSettings
from scl_rl.stages.dpo.settings import DpoSettings
from scl_rl.stages.grpo.settings import GrpoSettings
from scl_rl.stages.pairs.settings import PairsSettings
from scl_rl.stages.sft.settings import SftSettings

GROUPS, ANSWERS, PAIRS = {100: 4, 500: 4, 2000: 1}, 8, 4
LIMITS = {100: 96, 500: 96, 2000: 200}
WAYS = ("TRL", "ours")
NO_EVALUATION = {"eval_documents": 1, "eval_steps": 1_000_000}


class _Measured(StageSettings):
    """A stage that also says how much memory its process took at most."""

    stage: Any
    way: str
    cost: ClassVar[str | None] = None

    def run(self, context: StageContext) -> dict[str, Any]:
        """The stage's figures and ``peak_mb``."""
        if self.way == "TRL":
            _as_trl_is()
        figures: dict[str, Any] = self.stage.run(context)
        return {**figures, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _as_trl_is() -> None:
    """Undo, in this process, what every stage gets of ours: attention, adapters, scores of answers alone."""
    from scl_rl.modeling import attention
    from scl_rl.upstream import adapters, trainers

    attention.use_grouped = lambda model: None
    adapters.use_lean_layers = lambda model: None
    trainers.answer_positions_alone = nullcontext  # type: ignore[assignment]


class _Predicted(StageSettings):
    """Greedy answers to every document, and how long that took."""

    kind: Literal["predicted"] = "predicted"
    way: str
    max_new_tokens: int = 96
    batch_size: int
    cost: ClassVar[str | None] = None

    def run(self, context: StageContext) -> dict[str, Any]:
        """Seconds, without loading the model, and tokens."""
        from scl_rl.modeling.generate import generate

        model = context.model_before
        assert model is not None
        loaded = load_trained(model, context.base, reporter=QUIET)
        documents = read_documents(context.needed("test"))
        prompts = [prompt_for(d.text, context.prompt.template, context.prompt.chat) for d in documents]
        began = time.perf_counter()
        if self.way == "TRL":
            answers = list(self._in_order(loaded, prompts))
        else:
            answers = generate(loaded, prompts, self.max_new_tokens, self.batch_size)
        seconds = time.perf_counter() - began
        tokens = sum(len(loaded.tokenizer(answer)["input_ids"]) for answer in answers)
        return {"step": round(seconds, 3), "length": tokens / len(answers)}

    def _in_order(self, loaded: Any, prompts: list[Any]) -> Iterator[str]:
        """What a plain script does: batches in the order of the file, each until its longest answer ends."""
        import torch

        loaded.tokenizer.padding_side = "left"
        loaded.model.eval()
        for first in range(0, len(prompts), self.batch_size):
            batch = loaded.tokenizer(
                prompts[first : first + self.batch_size], return_tensors="pt", padding=True
            )
            with torch.inference_mode():
                ids = loaded.model.generate(**batch, max_new_tokens=self.max_new_tokens, do_sample=False)
            yield from loaded.tokenizer.batch_decode(
                ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
            )


def main() -> None:
    """Prepare, time, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--model", default="smollm2-135m")
    options.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    options.add_argument("--prompts", type=int, nargs="*", default=sorted(GROUPS), help="tokens of a prompt")
    options.add_argument("--dpo", type=int, nargs="*", default=[500], help="tokens of a prompt")
    options.add_argument("--notes", type=int, default=300, help="to predict; 0 = none")
    options.add_argument("--batch", type=int, default=32, help="of the predictions, in both ways")
    options.add_argument("--steps", type=int, default=2, help="that count, of each way")
    options.add_argument("--tokens", type=int, default=40_000, help="of SFT before")
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="scl-rl-steps-") as name:
        report = measure(Path(name), given)
    print(table(report))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Every case in both ways: seconds and tokens of a step, and peak memory."""
    tokenizer = load_base(given.model, Path.cwd(), "bfloat16", reporter=QUIET).tokenizer
    base = _context(folder, "sft", given, _notes(folder, 100, tokenizer, 160), ())
    run_in_subprocess(
        SftSettings(
            tokens=given.tokens,
            freeze=["embed_tokens"],
            trainer={"learning_rate": 3e-4, "per_device_train_batch_size": 4},
        ),
        base,
        folder / "log.txt",
    )
    sft = StageResult("sft", "sft", "sft", base.folder, {"model": "model"})
    cases: dict[str, dict[str, Any]] = {}
    for length in given.prompts:
        data = _notes(folder, length, tokenizer, GROUPS.get(length, 1) * (given.steps + 1))
        cases[f"grpo {length}"] = _turn_about(
            given, folder, data, sft, lambda way, length=length: _grpo(given, length, way)
        )
    for length in given.dpo:
        data = _notes(folder, length, tokenizer, PAIRS * (given.steps + 1), codes=(4, 8))
        pairs = _context(folder, f"pairs-{length}", given, data, (sft,))
        settings = PairsSettings(samples=0, negatives=("sibling",), balance_codes=False, balance_length=False)
        run_in_subprocess(settings, pairs, folder / "log.txt")
        parent = StageResult(pairs.name, pairs.name, "pairs", pairs.folder, settings.outputs, parents=(sft,))
        cases[f"dpo {length}"] = _turn_about(given, folder, data, parent, lambda way: _dpo(given, way))
    if given.notes:
        data = _notes(folder, 100, tokenizer, given.notes)
        cases[f"predict {given.notes}"] = _turn_about(
            given, folder, data, sft, lambda way: _Predicted(way=way, batch_size=given.batch)
        )
    said = {name: getattr(given, name) for name in ("model", "dtype", "steps", "tokens", "batch")}
    return {**said, "answers": ANSWERS, "hardware": hardware(), "cases": cases}


def _grpo(given: argparse.Namespace, length: int, way: str) -> GrpoSettings:
    trainer = {
        "per_device_train_batch_size": ANSWERS,
        "gradient_accumulation_steps": GROUPS.get(length, 1),
        "num_generations": ANSWERS,
        "max_completion_length": LIMITS.get(length, 96),
    }
    return GrpoSettings(
        max_steps=given.steps + 1,
        rewards=["evidence"],
        peft={"r": 16},
        trainer=trainer,
        shared_prompt="off" if way == "TRL" else "auto",
        **NO_EVALUATION,
    )


def _dpo(given: argparse.Namespace, way: str) -> DpoSettings:
    trainer = {"per_device_train_batch_size": PAIRS, "gradient_accumulation_steps": 1}
    return DpoSettings(
        peft={"r": 16},
        trainer=trainer,
        shared_prompt="off" if way == "TRL" else "auto",
        max_new_tokens=8,
        **NO_EVALUATION,
    )


def _turn_about(
    given: argparse.Namespace, folder: Path, data: DataFiles, parent: StageResult, settings: Any
) -> dict[str, Any]:
    """One case: each way's mean step, and how often ours goes into TRL's."""
    found: dict[str, Any] = {}
    for way in WAYS:
        context = _context(folder, f"{time.time_ns()}", given, data, (parent,))
        figures = run_in_subprocess(_Measured(stage=settings(way), way=way), context, folder / "log.txt")
        found[way] = _mean_step(figures, context)
        print(f"{way}: {json.dumps(found[way])}", flush=True)
    found["ratio"] = round(found["TRL"]["step"] / found["ours"]["step"], 2)
    return found


def _mean_step(figures: dict[str, Any], context: StageContext) -> dict[str, Any]:
    """Means over the steps but the first: seconds by part, and what else there is."""
    if "seconds" not in figures:
        return {key: figures[key] for key in ("step", "length", "peak_mb")}
    steps = figures["seconds"][1:]
    parts = {part: round(fmean(step.get(part, 0.0) for step in steps), 3) for part in steps[0]}
    lines = [line for line in whole_lines(context.folder / "monitor.jsonl") if "seconds" in line][1:]
    length = {"length": fmean(line["length"] for line in lines)} if "length" in lines[0] else {}
    step = round(sum(parts.values()), 3)
    return {"step": step, "parts": parts, **length, "peak_mb": figures["peak_mb"]}


def _context(
    folder: Path, name: str, given: argparse.Namespace, data: DataFiles, parents: tuple[StageResult, ...]
) -> StageContext:
    place = folder / name
    place.mkdir()
    return StageContext(
        name=name,
        folder=place,
        base=Path.cwd(),
        seed=0,
        model=ModelSettings(name=given.model, dtype=given.dtype),
        prompt=PromptSettings(),
        answer="lines",
        window=None,
        data=data,
        parents=parents,
        reporter=QUIET,
    )


def _notes(
    folder: Path, tokens: int, tokenizer: Any, count: int, codes: tuple[int, int] = (1, 4)
) -> DataFiles:
    """Notes whose prompts have so many tokens: one with codes, followed by some that have none."""
    coded = SyntheticSource(
        documents=count, code_only=0, dev=1, test=1, characters=250, codes_per_document=codes
    )
    plain = SyntheticSource(documents=400, code_only=0, dev=1, test=1, characters=250, empty_rate=1.0)
    filler = [document.text for document in plain.load().annotated]
    sets = coded.load()
    documents = []
    for number, document in enumerate(sets.annotated):
        text, turn = document.text, number
        while len(tokenizer(prompt_for(text, PromptSettings().template, False))["input_ids"]) < 0.9 * tokens:
            text, turn = f"{text}\n\n{filler[turn % len(filler)]}", turn + 7
        documents.append(document.model_copy(update={"text": text}))
    place = folder / f"notes-{tokens}-{time.time_ns()}"
    place.mkdir()
    files = {name: place / f"{name}.jsonl" for name in ("annotated", "spans", "dev")}
    for name, records in (("annotated", documents), ("spans", sets.spans), ("dev", documents[:1])):
        write_jsonl(files[name], records)
    return DataFiles(**files, test=files["annotated"])


def table(report: dict[str, Any]) -> str:
    """The cases, a line each."""
    lines = [f"{'':14}{'TRL':>9}{'ours':>9}{'ratio':>8}{'peak MB':>16}  tokens an answer"]
    for name, case in report["cases"].items():
        own, ours = case["TRL"], case["ours"]
        lengths = ", ".join(f"{way['length']:.0f}" for way in (own, ours) if "length" in way)
        peaks = f"{own['peak_mb']} / {ours['peak_mb']}"
        lines.append(
            f"{name:14}{own['step']:8.1f}s{ours['step']:8.1f}s{case['ratio']:7.1f}x{peaks:>16}  {lengths}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
