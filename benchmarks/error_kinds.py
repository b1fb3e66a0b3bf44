"""Which kinds of errors models make, counted by the scorer; all others are set against the first model.

    python benchmarks/error_kinds.py --documents test.jsonl MODEL_FOLDER [MODEL_FOLDER ...] [--out F]

Each model answers every annotated document (or window) once, greedily. "fewer" and "more" are the documents
in which a model has fewer or more errors of a kind than the first one; p is the sign test's on these.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from scl_rl.answer.parse import parse
from scl_rl.cli.tables import print_table
from scl_rl.corpus.jsonl import read_documents
from scl_rl.corpus.types import Document
from scl_rl.modeling.generate import generate
from scl_rl.modeling.load import load_trained, read_card
from scl_rl.scoring import GoldDocument, score_answer
from scl_rl.stages.pairs.error_kinds import SEVEREST_FIRST, errors_of
from scl_rl.stages.shared.prompting import Prompting, annotated_windows

KINDS = tuple(kind for kind in SEVEREST_FIRST if kind != "inconsistent")


def main() -> None:
    """Answer, count, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("models", nargs="+", type=Path)
    options.add_argument("--documents", required=True, type=Path)
    options.add_argument("--max-new-tokens", type=int, default=96)
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    documents = read_documents(given.documents)
    counts = [_counts(model, documents, given.max_new_tokens, given.batch_size) for model in given.models]
    report = [
        {"model": str(model), "documents": len(own), **_report(own, counts[0] if i else None)}
        for i, (model, own) in enumerate(zip(given.models, counts, strict=True))
    ]
    for one in report:
        rows = [[kind, *figures.values()] for kind, figures in one["errors"].items()]
        columns = ["kind of error", *next(iter(one["errors"].values()))]
        right = ", ".join(f"{one[what]} {what}" for what in ("gold", "predicted", "cited"))
        print_table({"columns": columns, "rows": rows}, [f"{one['model']}: codes {right}", ""])
    if given.out:
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _counts(
    folder: Path, documents: list[Document], max_new_tokens: int, batch_size: int
) -> list[Counter[str]]:
    """For each window its errors by kind, and how many codes it has, was given, and were cited."""
    card = read_card(folder)
    loaded = load_trained(folder, Path.cwd())
    prompting = Prompting(card.template, card.chat, card.answer, card.window, loaded.tokenizer)
    windows = list(annotated_windows(documents, prompting))
    prompts = [prompting.prompt(window.text) for window in windows]
    answers = generate(loaded, prompts, max_new_tokens, batch_size)
    counts = []
    for window, written in zip(windows, answers, strict=True):
        answer, gold = parse(written, card.answer), GoldDocument.of(window)
        found = score_answer(answer, gold)
        codes = {"gold": found.gold, "predicted": len(found.codes), "cited": found.cited}
        counts.append(Counter({**errors_of(answer, gold), **codes}))
    return counts


def _report(own: list[Counter[str]], first: list[Counter[str]] | None) -> dict[str, Any]:
    total = sum(own, Counter())
    errors: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        errors[kind] = {"errors": total[kind], "in documents": sum(count[kind] > 0 for count in own)}
        if first is not None:
            changes = [mine[kind] - before[kind] for mine, before in zip(own, first, strict=True)]
            fewer, more = sum(c < 0 for c in changes), sum(c > 0 for c in changes)
            p = float(binomtest(fewer, fewer + more).pvalue) if fewer + more else 1.0
            errors[kind] |= {"before": sum(b[kind] for b in first), "fewer": fewer, "more": more, "p": p}
    return {**{what: total[what] for what in ("gold", "predicted", "cited")}, "errors": errors}


if __name__ == "__main__":
    main()
