"""How often windows split gold evidence: by our sentence splitter and two maintained ones, and by our cuts.

pip install pysbd syntok
python benchmarks/windows.py --codiesp ../shared/data/codiesp --out docs/results/windows.json
make docs
"""

from __future__ import annotations

import argparse
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from scl_rl.corpus.readers.codiesp import read_codiesp
from scl_rl.corpus.synthetic import SyntheticSettings, generate
from scl_rl.corpus.types import Document, Mention
from scl_rl.corpus.windows import lost_mentions, sentences, split_windows

Splitter = Callable[[str], list[int]]
LIMITS = (500, 1000, 2000)  # characters of a window


def splitters(language: str) -> Mapping[str, Splitter]:
    """Name → where sentences begin after the first."""
    import pysbd
    from syntok import segmenter

    pragmatic = pysbd.Segmenter(language=language, clean=False, char_span=True)
    return {
        "scl-rl": lambda text: [start for start, _ in sentences(text)][1:],
        "pysbd": lambda text: [span.start for span in pragmatic.segment(text)][1:],
        "syntok": lambda text: [s[0].offset for p in segmenter.analyze(text) for s in p][1:],
    }


def mentions_of(document: Document) -> list[Mention]:
    """Every gold mention."""
    return [m for a in document.annotations or () for m in a.mentions or ()]


def compared(name: str, documents: Sequence[Document], language: str) -> list[dict[str, Any]]:
    """For each splitter: its sentences, and the mentions and words that it splits."""
    rows = []
    for splitter, split in splitters(language).items():
        began, row = time.process_time(), {"documents": name, "splitter": splitter}
        starts = [sorted(split(document.text)) for document in documents]
        row["seconds"] = round(time.process_time() - began, 2)
        both = list(zip(documents, starts, strict=True))
        row["sentences"] = sum(len(found) + 1 for found in starts)
        hulls = [
            (found, min(s for s, _ in m), max(e for _, e in m), len(m) > 1)
            for document, found in both
            for m in mentions_of(document)
        ]
        row["mentions"] = len(hulls)
        cut = [apart for found, start, end, apart in hulls if _between(found, start, end)]
        row["split_contiguous"], row["split_discontinuous"] = cut.count(False), cut.count(True)
        row["begin_in_lower_case"] = sum(
            d.text[p:].lstrip()[:1].islower() for d, found in both for p in found
        )
        row["begin_without_space"] = sum(not d.text[p - 1].isspace() for d, found in both for p in found)
        row["longest"] = max(e - s for d, found in both for s, e in pairwise([0, *found, len(d.text)]))
        rows.append(row)
    return rows


def _between(places: Sequence[int], start: int, end: int) -> bool:
    at = bisect_right(places, start)
    return at < len(places) and places[at] < end


def lost(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """For each window size: the mentions that are in no window, cut at sentences, with a
    quarter repeated, and cut around mentions."""
    rows = []
    for limit in LIMITS:
        row: dict[str, Any] = {"characters": limit}
        for name, whole, overlap in (
            ("sentences", False, 0),
            ("overlap", False, limit // 4),
            ("mentions", True, 0),
        ):
            windows = [split_windows(document, limit, len, whole, overlap) for document in documents]
            both = zip(documents, windows, strict=True)
            row[name] = {
                "windows": sum(map(len, windows)),
                "lost": sum(lost_mentions(*pair) for pair in both),
            }
        rows.append(row)
    return rows


def main() -> None:
    """Compare, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--codiesp", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    cases = [
        d for part in ("train", "dev") for d in read_codiesp(given.codiesp / part, kinds="both").documents
    ]
    notes = generate(SyntheticSettings(documents=500, dev=0, test=0, code_only=0, spans=0)).documents
    mentions = [m for document in cases for m in mentions_of(document)]
    record = {
        "splitters": [*compared("CodiEsp", cases, "es"), *compared("synthetic", notes, "en")],
        "cuts": lost(cases),
        "codiesp": {
            "documents": len(cases),
            "mentions": len(mentions),
            "discontinuous": sum(len(mention) > 1 for mention in mentions),
        },
    }
    given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
