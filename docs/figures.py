"""Fills the figures of the pages from committed records, so that no page can say what no run gave.

    python docs/figures.py            # rewrite the pages (part of `make docs`)
    python docs/figures.py --check    # exit code 1 if a page is out of date

A block names a record and holds a Jinja template in a comment, which is not shown; what the template gives
stands below it, up to the end mark:

    <!-- from docs/results/rl-or-sft.json
    It took {{ r.minutes | fixed(0) }} minutes.
    -->
    It took 88 minutes.
    <!-- end -->

The record is ``r``. Edit the template, never what stands below it. `strays` finds figures
outside of blocks, but for lines with the comment ``<!-- not a result -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

HOME = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^(<!-- from (?P<record>\S+)\n(?P<template>.*?)^-->\n)(?P<text>.*?)^<!-- end -->$", re.M | re.S
)
# What looks like the result of a run: 0.447, +25.7, 14 minutes, 5.9 GB, 86%.
FIGURE = re.compile(
    r"\b\d{1,3}\.\d{2,}\b|(?<!\w)[+−-]\d+\.\d"
    r"|\d(?: ?%| (?:minutes|seconds|hours|points|GB)\b)"
)
# Not the result of a run: code, links, comments, and lines that say so.
NO_FIGURES = re.compile(
    r"^[^\n]*<!-- not a result -->[^\n]*$|^```.*?^```$|^ {4}[^\n]*$|`[^`\n]*`|\]\([^)\s]*\)|<!--.*?-->",
    re.M | re.S,
)


def fixed(value: float | None, digits: int) -> str:
    """A number with some decimals and commas; – for nothing."""
    return "–" if value is None else f"{float(value):,.{digits}f}"


def points(share: float, sign: bool = True) -> str:
    """A share in points of 100, with its sign."""
    value = round(100 * share, 1) + 0.0
    return f"{value:+.1f}" if sign else f"{value:.1f}"


def p_value(p: float) -> str:
    """A p-value as `compare` says it."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def column(record: Mapping[str, Any], model: str, name: str) -> Any:
    """A cell of a run's comparison, by model and column."""
    shown = record["comparison"]["table"]
    (row,) = (row for row in shown["rows"] if row[0] == model)
    return row[shown["columns"].index(name)]


def pair(record: Mapping[str, Any], a: str, b: str) -> Any:
    """The comparison of a system with another."""
    (found,) = (p for p in record["comparison"]["pairs"] if (p["a"], p["b"]) == (a, b))
    return found


def run_table(record: Mapping[str, Any]) -> str:
    """The columns of a run's comparison that fit on a page."""
    shares = ["code F1 micro", "joint F1", "joint A", "joint B", "joint C", "joint D", "grounded"]
    rows = []
    for row in record["comparison"]["table"]["rows"]:
        name = row[0]
        tokens, minutes = (column(record, name, label) for label in ("tokens trained", "minutes"))
        cells = [fixed(column(record, name, label), 3) for label in shares]
        rows.append([f"`{name}`", *cells, fixed(tokens, 0), fixed(minutes, 1)])
    return table(
        [
            "model",
            *(name.replace("joint", "tier") if len(name) == 7 else name for name in shares),
            "tokens trained",
            "minutes",
        ],
        rows,
    )


def filled(text: str, home: Path = HOME) -> str:
    """A page with every block made anew.

    Raises:
        SystemExit: a template asks for what its record does not hold, or the record is missing.
    """
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    jinja.filters |= {"fixed": fixed, "points": points, "p_value": p_value}
    jinja.globals |= {
        "table": table,
        "column": column,
        "pair": pair,
        "run_table": run_table,
        "zip": zip,
    }

    def block(match: re.Match[str]) -> str:
        try:
            record = json.loads((home / match["record"]).read_text(encoding="utf-8"))
            made = jinja.from_string(match["template"]).render(r=record).strip("\n")
        except Exception as error:
            raise SystemExit(f"a block from {match['record']}: {error!r}") from error
        return f"{match[1]}{made}\n<!-- end -->"

    return BLOCK.sub(block, text)


def strays(text: str) -> list[str]:
    """Lines outside of blocks and code that hold what looks like a run's figure."""
    rest = NO_FIGURES.sub("", BLOCK.sub("", text))
    return [line.strip() for line in rest.splitlines() if FIGURE.search(line)]


def pages() -> list[Path]:
    """The pages that may have blocks."""
    return [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md"))]


def main() -> None:
    """Rewrite the pages, or check them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--check", action="store_true")
    check = options.parse_args().check
    old = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            old.append(str(page.relative_to(HOME)))
            if not check:
                page.write_text(new, encoding="utf-8")
    if old and check:
        sys.exit(f"not as the records say: {', '.join(old)}; run `make docs`")
    print("rewritten: " + ", ".join(old) if old else "every page is as the records say")


if __name__ == "__main__":
    main()
