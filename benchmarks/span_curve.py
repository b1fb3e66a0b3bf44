"""Draws joint F1 on wordings that no note has against the number of synthesised spans, from a record.

python benchmarks/span_curve.py docs/results/span-curve.json --out docs/results/span-curve.svg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

TIERS = {"A": "wordings of the annotated notes", "BCD": "wordings of no note"}  # it trains on no other sets


def points(record: Mapping[str, Any], tiers: str) -> list[tuple[int, float]]:
    """Number of spans → joint F1, the mean of the seeds and of these tiers; fewest spans first."""
    table = record["comparison"]["table"]
    columns = [table["columns"].index(f"joint {tier}") for tier in tiers]
    found: dict[int, list[float]] = {}
    for row in table["rows"]:
        number = row[0].partition(".seed")[0].removeprefix("scl-")
        made = record["stages"].get(f"spans-{number}")
        spans = made["figures"]["spans"] if made else 0
        found.setdefault(spans, []).append(fmean(float(row[column]) for column in columns))
    return sorted((spans, fmean(scores)) for spans, scores in found.items())


def draw(record: Mapping[str, Any], out: Path) -> None:
    """Write the curve as an SVG file, the same for the same record."""
    matplotlib.rcParams["svg.hashsalt"] = "span-curve"
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for tiers, label in TIERS.items():
        numbers, scores = zip(*points(record, tiers), strict=True)
        axes.plot(numbers, scores, marker="o", label=label)
    axes.set_xscale("symlog", linthresh=30)
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.set_xlabel("synthesised spans, at the same number of training tokens")
    axes.set_ylabel("joint F1")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(out, metadata={"Date": None})


def main() -> None:
    """Read, draw."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("record", type=Path)
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    draw(json.loads(given.record.read_text(encoding="utf-8")), given.out)


if __name__ == "__main__":
    main()
