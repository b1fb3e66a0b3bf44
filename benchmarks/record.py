"""Run a recipe from start to end and keep its record, from which the pages in docs/ take their figures.

    python benchmarks/record.py quickstart --out docs/results/quickstart.json \
        --show scl:syn-test-0063 --show scl:syn-test-0039
    make docs

The record is the run's summary.json with two more keys. ``measured`` has the wall time in minutes, start and
end of the command included, and the peak memory in GB of all its processes together, sampled every two
seconds (PSS on Linux, where shared pages count once; RSS elsewhere). ``shown`` has the notes named with
``--show STAGE:DOCUMENT`` and what the stage's model wrote for them, so only name notes that may be published.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from watch import watched

from scl_rl.answer.grammar import Answer, AnswerLine, Quote, render
from scl_rl.corpus.jsonl import read_documents, read_predictions
from scl_rl.corpus.types import PredictedMention
from scl_rl.scoring.locate import TextIndex


def main() -> None:
    """Run, measure, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("recipe")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--runs", type=Path, help="a folder to keep the run in (default: a temporary one)")
    options.add_argument("--show", action="append", default=[], metavar="STAGE:DOCUMENT")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="scl-rl-record-") as name:
        runs = given.runs or Path(name)
        if any(runs.glob("*/manifest.json")):
            sys.exit(f"{runs} holds runs already, whose stages would be skipped: name an empty folder")
        measured = measure(given.recipe, runs)
        (summary,) = runs.glob("*/summary.json")
        record = json.loads(summary.read_text(encoding="utf-8"))
        record["measured"] = measured
        record["shown"] = [shown(summary.parent / "stages", *name.split(":", 1)) for name in given.show]
    given.out.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{given.out}: {measured}")


def measure(recipe: str, runs: Path) -> dict[str, Any]:
    """Run the recipe; wall time in minutes and peak memory in GB."""
    command = [
        sys.executable,
        "-c",
        "from scl_rl.cli.main import main; main()",
        "run",
        recipe,
        "--runs",
        runs,
    ]
    taken = watched(command)
    return {"minutes": round(taken.seconds / 60, 1), "peak_memory_gb": round(taken.peak_memory / 1e9, 1)}


def shown(stages: Path, stage: str, document: str) -> dict[str, Any]:
    """A test document's text and the answer of a stage's model, written in the answer grammar."""
    (text,) = (d.text for d in read_documents(stages / "data" / "test.jsonl") if d.id == document)
    predictions = read_predictions(stages / f"predict.{stage}" / "predictions.jsonl")
    (found,) = (p for p in predictions if p.id == document)
    lines = [AnswerLine(c.code, tuple(_quoted(m, text) for m in c.mentions)) for c in found.codes]
    return {"stage": stage, "id": document, "text": text, "answer": render(Answer(tuple(lines)))}


def _quoted(mention: PredictedMention, text: str) -> tuple[Quote, ...]:
    if mention.fragments is None:
        return tuple(Quote(quote) for quote in mention.quotes)
    index, quotes = TextIndex(text), []
    for quote, fragment in zip(mention.quotes, mention.fragments, strict=True):
        numbers = (n for n, place in enumerate(index.occurrences(quote), 1) if place == tuple(fragment))
        quotes.append(Quote(quote, next(numbers)))
    return tuple(quotes)


if __name__ == "__main__":
    main()
