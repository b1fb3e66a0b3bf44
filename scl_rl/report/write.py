"""Writing a run's report: ``report.html``, ``report.md``, its diagrams, and the cards of its models."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..atomic import PRIVATE_FILE, PRIVATE_FOLDER, writing
from ..pages import Asset, render_page
from ..runner.folder import RunFolder
from .collect import read_run
from .markdown import as_markdown
from .model_card import write_model_cards
from .notes import ShownNote, shown_notes
from .plots import Plot
from .sections import Section, sections, verdict

NOTES = 12


def write_report(folder: RunFolder, notes: int = NOTES) -> Path:
    """Write the report of a finished run into its folder, and a card beside each model.

    Args:
        notes: how many notes are shown in full, those first on which the models differ most.

    Returns:
        The page.

    Raises:
        UserError: there is no finished run, a file of it is damaged, or the report can't be written.
    """
    run = read_run(folder)
    parts, sentence = list(sections(run)), verdict(run)
    figures = folder.path / "figures"
    figures.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    for plot in (plot for part in parts for plot in part.plots):
        for form, drawn in (("svg", plot.light), ("png", plot.png)):
            file = figures / f"{plot.name}.{form}"
            file.write_bytes(drawn)
            file.chmod(PRIVATE_FILE)
    title = f"Run {run.manifest.recipe}"
    with writing(folder.path / "report.md") as stream:
        stream.write(as_markdown(title, sentence, parts))
    write_model_cards(run)
    page = folder.path / "report.html"
    with writing(page) as stream:
        stream.write(as_html(title, sentence, parts, shown_notes(run.models, notes)))
    return page


def as_html(title: str, sentence: str, parts: Sequence[Section], notes: Sequence[ShownNote]) -> str:
    """The report as one page."""
    return render_page(
        Asset(__package__, "static/report.html"),
        {"title": title, "verdict": sentence, "sections": parts, "notes": notes},
        styles=[Asset("scl_rl.pages", "base.css"), Asset(__package__, "static/report.css")],
        scripts=[Asset(__package__, "static/sort.js")],
        filters={"picture": _picture, "slug": _slug, "number": _is_number},
    )


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def _picture(plot: Plot) -> Markup:
    light, dark = (base64.b64encode(svg).decode() for svg in (plot.light, plot.dark))
    image = Markup('<img class="{}" src="data:image/svg+xml;base64,{}" alt="{}">')
    return image.format("light", light, plot.words) + image.format("dark", dark, plot.words)
