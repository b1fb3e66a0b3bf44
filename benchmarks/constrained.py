"""What constrained decoding costs in time and changes in the figures, on one model and the same documents.

    python benchmarks/constrained.py MODEL DOCUMENTS --codes icd-10-cm [--out build/bench/constrained.json]

Batches of documents are decoded free and constrained in turns, so that whatever else the machine does bears
on both. A step makes one token in each row of a batch, and takes as long for one way as for the other but
for what the constraint costs; how many steps there are depends on where the answers end. Seconds are of the
clock and of the process (all its threads); the clock's are worth little on a machine that does other work.
``constraint`` is the processor time of the constraint's own work, all of it on one thread.
``codes`` is a file with one code a line, or ``icd-10-cm``. The predictions lie beside the report, for
``scl-rl compare``.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from scl_rl.corpus.jsonl import read_documents, write_jsonl
from scl_rl.corpus.types import Document, Prediction
from scl_rl.metrics.report import evaluate_predictions
from scl_rl.modeling.constrained.decoder import Constraint, Row
from scl_rl.modeling.load import Loaded, load_trained, read_card
from scl_rl.stages.contract import DataFiles
from scl_rl.stages.predict.work import allowed_codes
from scl_rl.stages.shared.prompting import Prompting, predict_documents


@dataclass
class Way:
    """One way of decoding: what it took and what it gave."""

    seconds: float = 0.0
    process_seconds: float = 0.0
    steps: int = 0
    predictions: list[Prediction] = field(default_factory=list)


def main() -> None:
    """Measure, print, write."""
    given = _options()
    documents = read_documents(given.documents)[: given.limit]
    codes = allowed_codes(given.codes, Path.cwd(), DataFiles())
    loaded, card = load_trained(given.model, Path.cwd()), read_card(given.model)
    prompting = Prompting(card.template, card.chat, card.answer, card.window, loaded.tokenizer)
    started = time.perf_counter()
    constraint = Constraint(loaded, codes, card.answer)
    made_in = time.perf_counter() - started
    ways = {"free": Way(), "constrained": Way()}
    steps, own = _count_steps(loaded), _time_constraint(constraint)
    _decode(loaded, documents[:2], prompting, 8, None)  # the first time takes longer
    for at in range(0, len(documents), given.batch_size):
        batch = documents[at : at + given.batch_size]
        turn = list(ways) if at // given.batch_size % 2 == 0 else list(reversed(ways))
        for name in turn:
            before = time.perf_counter(), time.process_time(), steps[0]
            held = constraint if name == "constrained" else None
            made = _decode(loaded, batch, prompting, given.max_new_tokens, held, given.batch_size)
            way = ways[name]
            way.seconds += time.perf_counter() - before[0]
            way.process_seconds += time.process_time() - before[1]
            way.steps += steps[0] - before[2]
            way.predictions += made
        print(f"{at + len(batch)}/{len(documents)}", flush=True)
    report = {
        "machine": {"python": platform.python_version(), "threads": torch.get_num_threads()},
        "documents": len(documents),
        "batch_size": given.batch_size,
        "max_new_tokens": given.max_new_tokens,
        "codes": len(constraint.codes),
        "constraint_made_in_seconds": round(made_in, 2),
        **{name: _figures(way, documents, set(codes)) for name, way in ways.items()},
        "constraint": {
            "seconds": round(own[0], 2),
            "milliseconds_a_step": round(1000 * own[0] / ways["constrained"].steps, 2),
        },
        "constrained_to_free": _ratios(ways["constrained"], ways["free"]),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for name, way in ways.items():
        write_jsonl(given.out.with_name(f"{given.out.stem}.{name}.jsonl"), way.predictions)
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("model", type=Path)
    options.add_argument("documents", type=Path)
    options.add_argument("--codes", required=True)
    options.add_argument("--limit", type=int, default=100)
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--max-new-tokens", type=int, default=96)
    options.add_argument("--out", type=Path, default=Path("build/bench/constrained.json"))
    return options.parse_args()


def _count_steps(loaded: Loaded) -> list[int]:
    """A counter that goes up with every step of the model."""
    counter = [0]

    def count(*_: Any) -> None:
        counter[0] += 1

    loaded.model.register_forward_hook(count)
    return counter


def _time_constraint(constraint: Constraint) -> list[float]:
    """A counter of the seconds that this thread spends on making and asking the constraint's rows."""
    seconds, make = [0.0], constraint.row

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def do(*args: Any) -> Any:
            before = time.thread_time()
            try:
                return work(*args)
            finally:
                seconds[0] += time.thread_time() - before

        return do

    def row(text: str) -> Row:
        made = make(text)
        made.allowed, made.take = timed(made.allowed), timed(made.take)  # type: ignore[method-assign]
        return made

    constraint.row = timed(row)  # type: ignore[method-assign]
    return seconds


def _decode(
    loaded: Loaded,
    documents: list[Document],
    prompting: Prompting,
    max_new_tokens: int,
    constraint: Constraint | None,
    batch_size: int = 32,
) -> list[Prediction]:
    return predict_documents(loaded, documents, prompting, max_new_tokens, batch_size, constraint=constraint)[
        0
    ]


def _figures(way: Way, documents: list[Document], codes: set[str]) -> dict[str, Any]:
    found = evaluate_predictions(documents, way.predictions)
    figures = {key: value for key, value in asdict(way).items() if key != "predictions"}
    return {
        **{key: round(value, 2) for key, value in figures.items()},
        "joint_f1": found["joint"]["micro"]["f1"],
        "code_f1": found["code"]["micro"]["f1"],
        "grounded": found["evidence"]["grounded"],
        "malformed": found["malformed"],
        "predicted_codes": sum(len(p.codes) for p in way.predictions),
        "invalid_codes": sum(c.code not in codes for p in way.predictions for c in p.codes),
    }


def _ratios(one: Way, other: Way) -> dict[str, float]:
    ratios = {
        "seconds": one.seconds / other.seconds,
        "process_seconds": one.process_seconds / other.process_seconds,
        "steps": one.steps / other.steps,
    }
    ratios["seconds_a_step"] = ratios["seconds"] / ratios["steps"]
    ratios["process_seconds_a_step"] = ratios["process_seconds"] / ratios["steps"]
    return {key: round(value, 3) for key, value in ratios.items()}


if __name__ == "__main__":
    main()
