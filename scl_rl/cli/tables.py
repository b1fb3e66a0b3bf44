"""Figures as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import escaped

_MANY = 500  # rows


def print_table(table: Mapping[str, Any], notes: Iterable[str] = ()) -> None:
    """Print a table and the notes under it on standard output.

    Args:
        table: ``{"columns": [name, ...], "rows": [[cell, ...], ...]}``; a cell is text, a number, a truth
            value or None.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 1000  # never wrapped, never cropped
    if len(table["rows"]) > _MANY:
        console.print(Text(_plain(table)), soft_wrap=True)
        for note in notes:
            console.print(Text(escaped(note)))
        return
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(table["columns"]):
        numbers = [row[i] for row in table["rows"] if row[i] is not None]
        right = bool(numbers) and all(isinstance(cell, int | float) for cell in numbers)
        drawn.add_column(Text(str(column)), justify="right" if right else "left", no_wrap=right)
    for row in table["rows"]:
        drawn.add_row(*(Text(cell_text(cell)) for cell in row))
    console.print(drawn)
    for note in notes:
        console.print(Text(escaped(note)))


def _plain(table: Mapping[str, Any]) -> str:
    """A table in plain columns: drawing thousands of rows takes many seconds."""
    rows = [[escaped(str(name)) for name in table["columns"]]]
    rows += [[cell_text(cell) for cell in row] for row in table["rows"]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def cell_text(cell: Any) -> str:
    """A cell as it is shown: shares with three decimals, other fractions with one, – for nothing."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) <= 1 else f"{cell:,.1f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return escaped(str(cell))


def print_breakdowns(breakdowns: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print the breakdowns of a comparison, a table each, on standard output."""
    for name, groups in breakdowns.items():
        if not groups:
            continue
        columns = [f"joint F1 {name.replace('_', ' ')}", "documents", "gold codes", *groups[0]["joint_f1"]]
        rows = [[g["group"], g["documents"], g["codes"], *g["joint_f1"].values()] for g in groups]
        print_table({"columns": columns, "rows": rows})


def score_rows(report: Mapping[str, Any], prefix: str = "") -> list[list[Any]]:
    """``[name, precision, recall, f1]`` for every such triple in an evaluation, names joined by spaces."""
    rows: list[list[Any]] = []
    for name, value in report.items():
        if not isinstance(value, Mapping):
            continue
        label = f"{prefix}{name.replace('_', ' ')}"
        if {"precision", "recall", "f1"} <= value.keys():
            rows.append([label, value["precision"], value["recall"], value["f1"]])
        else:
            rows += score_rows(value, f"{label} ")
    return rows


def print_bars(names: Sequence[str], counts: Sequence[int]) -> None:
    """Print counts as bars on standard output."""
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    drawn = Table.grid(padding=(0, 1))
    drawn.add_column(no_wrap=True)
    drawn.add_column(justify="right", no_wrap=True)
    drawn.add_column(no_wrap=True)
    for name, count in zip(names, counts, strict=True):
        drawn.add_row(name, f"{count:,}", Bar(max(counts, default=0) or 1, 0, count, width=40))
    console.print(drawn)
