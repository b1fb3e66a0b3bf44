"""How fast the evidence reward is, how it grows, and what the naive way to find quotes costs.

    python benchmarks/rewards.py [--out build/bench/rewards.json]

Scores groups of eight differing answers a document, as GRPO gives them, on CodiEsp dev documents where the
corpus is at hand (SCL_RL_CODIESP or ../shared/data/codiesp), else on synthetic ones. Seconds are of one
core's processor time. Compare figures of one run: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz
from rich.console import Console
from rich.table import Table

from scl_rl.answer.grammar import Answer, AnswerLine, Quote, render
from scl_rl.answer.parse import parse
from scl_rl.corpus.readers.codiesp import read_codiesp
from scl_rl.corpus.synthetic.sets import generate
from scl_rl.corpus.synthetic.settings import SyntheticSettings
from scl_rl.corpus.types import Document
from scl_rl.reward.evidence import evidence
from scl_rl.scoring import GoldDocument

GROUP, BATCH, NAIVE = 8, 32, 40
AIM = 5000  # completions a second, on documents like CodiEsp's


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=Path("build/bench/rewards.json"))
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    corpus, documents = _documents()
    rng = random.Random(given.seed)
    pairs = [(d, _damaged(d, documents, rng)) for d in documents for _ in range(GROUP)]
    report = {
        "machine": {"processor": _processor(), "python": platform.python_version()},
        "seed": given.seed,
        "corpus": corpus,
        "documents": len(documents),
        "characters": round(sum(len(d.text) for d in documents) / len(documents)),
        "codes": round(sum(len(d.annotations or ()) for d in documents) / len(documents), 1),
        "throughput": _throughput(pairs, rng),
        "growth": _growth(),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _print(report)
    Console().print(f"written to {given.out}")


def _documents() -> tuple[str, list[Document]]:
    folder = Path(os.environ.get("SCL_RL_CODIESP", "../shared/data/codiesp")) / "dev"
    if folder.is_dir():
        found = read_codiesp(folder).documents
        told = [d for d in found if d.annotations and all(a.mentions for a in d.annotations)]
        return "codiesp dev", told
    made = generate(SyntheticSettings(documents=0, spans=0, code_only=0, dev=0, test=200, characters=2300))
    return "synthetic (CodiEsp is not here)", [d for d in made.test if d.annotations]


def _damaged(document: Document, others: list[Document], rng: random.Random) -> str:
    """Gold with about four lines in ten dropped, recoded, moved elsewhere or misquoted."""
    lines = []
    for line in GoldDocument.of(document).gold_answer().lines:
        match rng.choices(["kept", "dropped", "recoded", "moved", "misquoted"], [6, 1, 1, 1, 1])[0]:
            case "kept":
                lines.append(line)
            case "recoded":
                other = rng.choice(rng.choice(others).annotations or ())
                lines.append(AnswerLine(other.code, line.mentions))
            case "moved":
                start = rng.randrange(max(1, len(document.text) - 30))
                words = document.text[start : start + rng.randint(5, 30)].strip() or "x"
                lines.append(AnswerLine(line.code, ((Quote(words),),)))
            case "misquoted":
                lines.append(AnswerLine(line.code, ((Quote(line.mentions[0][0].text + " xyz"),),)))
    return render(Answer(tuple(lines)))


def _throughput(pairs: list[tuple[Document, str]], rng: random.Random) -> dict[str, Any]:
    completions = [text for _, text in pairs]
    texts = [document.text for document, _ in pairs]
    golds = [[a.model_dump() for a in document.annotations or ()] for document, _ in pairs]

    def ours() -> None:
        for i in range(0, len(pairs), BATCH):
            rows = slice(i, i + BATCH)
            evidence(completions[rows], text=texts[rows], annotations=golds[rows])

    few = rng.sample(pairs, NAIVE)

    def naive(find: Callable[[str, str], object]) -> Callable[[], None]:
        """Read the answers and find each quote, nothing more: nothing is judged yet."""

        def work() -> None:
            for document, text in few:
                for line in parse(text).lines:
                    for quote in (quote for mention in line.mentions for quote in mention):
                        find(document.text.lower(), quote.text.lower())

        return work

    with_difflib = naive(lambda text, quote: SequenceMatcher(None, text, quote, False).find_longest_match())
    with_rapidfuzz = naive(lambda text, quote: fuzz.partial_ratio_alignment(quote, text))
    seconds = min(_seconds(ours) for _ in range(3))
    fast = len(pairs) / seconds
    slow = {
        "difflib": NAIVE / _seconds(with_difflib),
        "rapidfuzz": NAIVE / min(_seconds(with_rapidfuzz) for _ in range(3)),
    }
    return {
        "completions": len(pairs),
        "evidence_per_second": round(fast),
        "aim_per_second": AIM,
        "milliseconds_for_32": round(32_000 / fast, 2),
        "naive_per_second": {name: round(value, 1) for name, value in slow.items()},
        "times_faster_than": {name: round(fast / value, 1) for name, value in slow.items()},
    }


def _growth() -> list[dict[str, Any]]:
    """Seconds as notes and answers double, on kind and on unkind input."""
    rng = random.Random(0)
    words = ["".join(rng.choices("aeiourstlnm", k=rng.randint(2, 9))) for _ in range(3000)]

    def note(characters: int) -> str:
        return " ".join(rng.choices(words, k=characters // 5))[:characters]

    def lines(quotes: Iterable[str]) -> str:
        return "\n".join(f'"{quote}" => R{i % 100:02}.{i % 10}' for i, quote in enumerate(quotes))

    long, lengths, counts = (
        note(1_000_000),
        (125_000, 250_000, 500_000, 1_000_000),
        (1250, 2500, 5000, 10_000),
    )
    few = " ".join(rng.choices(["ab", "a", "b", "aab"], k=400_000))[:1_000_000]
    series: dict[str, tuple[str, list[tuple[int, str, str]]]] = {
        "1,000 quotes in a longer note": (
            "characters",
            [(n, long[:n], lines(rng.choices(words, k=1000))) for n in lengths],
        ),
        "more quotes in 125,000 characters": (
            "lines",
            [(n, long[:125_000], lines(rng.choices(words, k=n))) for n in counts],
        ),
        "more different quotes, none in the note": (
            "lines",
            [(n, long[:125_000], lines(f"zz {i}" for i in range(n))) for n in counts],
        ),
        "more letters at far places": (
            "lines",
            [(n, few, lines(f'{rng.choice("ab")}"#{99_999 + i % 7}; "a' for i in range(n))) for n in counts],
        ),
        "one malformed line": ("characters", [(n, "Has HTN.", "x" * n) for n in lengths]),
    }
    return [
        {
            "what": what,
            "unit": unit,
            "sizes": [size for size, _, _ in cases],
            "seconds": [
                round(_seconds(lambda t=text, a=answer: _once(t, a)), 4) for _, text, answer in cases
            ],
        }
        for what, (unit, cases) in series.items()
    ]


def _once(text: str, answer: str) -> None:
    gold = [{"code": "I10", "system": "ICD-10-CM", "mentions": [[[0, 3]]]}]
    evidence([answer], text=[text], annotations=[gold])


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _processor() -> str:
    try:
        found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        return found[0].partition(":")[2].strip()
    except (OSError, IndexError):
        return platform.processor()


def _print(report: dict[str, Any]) -> None:
    console, speed = Console(), report["throughput"]
    console.print(
        f"evidence on {report['corpus']}: {speed['evidence_per_second']:,} completions a second "
        f"(aim {AIM:,}); "
        + ", ".join(f"{times} times {name}" for name, times in speed["times_faster_than"].items())
    )
    table = Table("what", "unit", "sizes", "seconds")
    for row in report["growth"]:
        sizes, seconds = (", ".join(f"{x:,}" for x in row[key]) for key in ("sizes", "seconds"))
        table.add_row(row["what"], row["unit"], sizes, seconds)
    console.print(table)


if __name__ == "__main__":
    main()
