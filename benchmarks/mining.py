"""How much evidence is found from codes alone, and how much of it is right.

Synthetic notes as in the quickstart, in several numbers, with three seeds; and, where CodiEsp is at hand, its
500 training cases, by how many cases have a code. Beside the miner stands what `fill` did before there was
one: looking up the wordings of spans and annotated notes. Evidence is right if the scorer says "cited".

    python benchmarks/mining.py --codiesp ../shared/data/codiesp --out build/bench/mining.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scl_rl.corpus.readers.codiesp import read_codiesp
from scl_rl.corpus.spans import spans_of
from scl_rl.corpus.synthetic import SyntheticSettings, generate
from scl_rl.corpus.types import Annotation, Document, Mention
from scl_rl.mining import EvidenceMiner, calibration
from scl_rl.scoring import GoldDocument
from scl_rl.scoring.dictionary import SpanDictionary

Found = Mapping[str, Sequence[Mention]]
Way = Callable[[str, list[str]], Found]
QUICKSTART: dict[str, Any] = {"wordings": 4, "codes_per_document": (1, 4), "characters": 250, "test": 0}
SIZES = ((0, 100), (160, 400), (0, 1600))  # annotated and code-only notes
SEEDS = (0, 1, 2)
OFTEN = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, None))


def mined(miner: EvidenceMiner) -> Way:
    """What the miner finds."""
    return lambda text, codes: {code: found.mentions for code, found in miner.mine(text, codes).items()}


def looked_up(dictionary: SpanDictionary) -> Way:
    """What stands in the dictionary."""

    def find(text: str, codes: list[str]) -> Found:
        places: dict[str, list[Mention]] = {}
        for place, code in dictionary.matches(text, among=codes):
            places.setdefault(code, []).append([place])
        return places

    return find


def both(first: Way, second: Way) -> Way:
    """The first, and the second for codes that the first finds nothing for."""
    return lambda text, codes: {**second(text, codes), **first(text, codes)}


def score(way: Way, documents: Iterable[Document], group: Callable[[Annotation], str]) -> dict[str, Any]:
    """Codes with evidence, by group and in all: how many, found for how many, right for how many."""
    counts: dict[str, Counter[str]] = {}
    for document in documents:
        gold = GoldDocument.of(document)
        found = way(document.text, list(gold.mentions))
        for annotation in document.annotations or ():
            mentions = found.get(annotation.code, ())
            for name in (group(annotation), "all"):
                count = counts.setdefault(name, Counter())
                count["codes"] += 1
                count["found"] += bool(mentions)
                count["right"] += gold.verdict(annotation.code, mentions).cited
    return {
        name: {
            **{key: count[key] for key in ("codes", "found", "right")},
            "precision": count["right"] / count["found"] if count["found"] else None,
            "recall": count["right"] / count["codes"],
        }
        for name, count in sorted(counts.items())
    }


def tier(annotation: Annotation) -> str:
    """The tier of a synthetic annotation."""
    return str((annotation.model_extra or {})["tier"])


def synthetic(annotated: int, code_only: int, seed: int) -> dict[str, Any]:
    """The three ways on the code-only notes of a corpus, whose evidence none of them sees."""
    corpus = generate(SyntheticSettings(documents=annotated, code_only=code_only, seed=seed, **QUICKSTART))
    began = time.perf_counter()
    miner = EvidenceMiner.fit([*corpus.documents, *corpus.code_only])
    seconds = time.perf_counter() - began
    dictionary = looked_up(SpanDictionary([*corpus.spans, *spans_of(corpus.documents, "annotated")]))
    ways = {
        "dictionary": dictionary,
        "corpus": mined(miner),
        "dictionary, corpus": both(dictionary, mined(miner)),
    }
    return {
        "annotated": annotated,
        "code_only": code_only,
        "seed": seed,
        "fit_seconds": round(seconds, 2),
        "ways": {name: score(way, corpus.code_only_gold, tier) for name, way in ways.items()},
        "calibration": calibration(miner, corpus.dev),
    }


def codiesp(folder: Path) -> dict[str, Any]:
    """The miner on the cases that it learned from, without their evidence, and on those of the dev split."""
    train, dev = (list(read_codiesp(folder / split).documents) for split in ("train", "dev"))
    began = time.perf_counter()
    miner = EvidenceMiner.fit(train)
    seconds = time.perf_counter() - began
    often = Counter(a.code for document in train for a in document.annotations or ())

    def frequency(annotation: Annotation) -> str:
        times = often[annotation.code]
        for low, high in OFTEN:
            if low <= times and (high is None or times <= high):
                return f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
        return "0"

    return {
        "notes": len(train),
        "codes": len(often),
        "fit_seconds": round(seconds, 2),
        "train": score(mined(miner), train, frequency),
        "dev": score(mined(miner), dev, frequency),
        "calibration": calibration(miner, dev),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--codiesp", type=Path, help="the folder that has train/ and dev/")
    options = parser.parse_args()
    figures: dict[str, Any] = {
        "synthetic": [synthetic(*size, seed) for size in SIZES for seed in SEEDS],
    }
    if options.codiesp is not None:
        figures["codiesp"] = codiesp(options.codiesp)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for case in figures["synthetic"]:
        shares = {
            name: {group: round(row["recall"], 3) for group, row in way.items()}
            for name, way in case["ways"].items()
        }
        print(case["annotated"], case["code_only"], case["seed"], shares)
    if options.codiesp is not None:
        print(
            {group: (row["precision"], row["recall"]) for group, row in figures["codiesp"]["train"].items()}
        )


if __name__ == "__main__":
    main()
