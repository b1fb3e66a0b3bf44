"""The bench's report as one page: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..atomic import writing
from .results import Groups, Report

LONGEST_EXAMPLE = 1000
WIDTH, HEIGHT, GAP = 40, 120, 4


def write_page(report: Report, label: str, path: Path, show_notes: bool = False) -> None:
    """Write the page.

    Args:
        label: the reward in a few words.
        show_notes: show an example of each attack, which holds words of a note.

    Raises:
        UserError: the file can't be written.
    """
    with writing(path) as stream:
        stream.write(page(report, label, show_notes))


def page(report: Report, label: str, show_notes: bool = False) -> str:
    """The page as HTML; everything that comes from outside is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": _figure, "excerpt": _excerpt}
    template = environment.from_string(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        report=report,
        label=label,
        show_notes=show_notes,
        bars=_bars(report),
        columns=_columns(report.groups),
        size={"width": WIDTH * max(1, len(report.groups.counts)), "height": HEIGHT},
    )


def _bars(report: Report) -> dict[str, dict[str, float]]:
    """For each attack, its mean reward and gold's in percent of the best gold; more is cut off."""
    golds = [f.gold for f in report.attacks if f.gold is not None]
    low, high = min([0.0, *golds]), max([0.0, *golds])

    def percent(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.0
        return round(100 * min(1.0, max(0.0, share)), 1)

    return {
        f.name: {"mean": percent(f.mean), "gold": percent(f.gold)}
        for f in report.attacks
        if f.mean is not None and f.gold is not None
    }


def _columns(groups: Groups) -> list[dict[str, Any]]:
    """The bars of the histogram, in the units of the drawing."""
    most = max(groups.counts, default=0) or 1
    return [
        {
            "x": i * WIDTH + GAP / 2,
            "y": round(HEIGHT * (1 - count / most), 1),
            "width": WIDTH - GAP,
            "height": round(HEIGHT * count / most, 1),
            "from": groups.edges[i],
            "to": groups.edges[i + 1],
            "count": count,
        }
        for i, count in enumerate(groups.counts)
    ]


def _figure(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _excerpt(text: str) -> str:
    if len(text) <= LONGEST_EXAMPLE:
        return text
    return f"{text[:LONGEST_EXAMPLE]}… ({len(text):,} characters in all)"
