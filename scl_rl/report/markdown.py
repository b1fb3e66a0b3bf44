"""The report, and tables, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .sections import Section, Table


def as_markdown(title: str, sentence: str, parts: Sequence[Section]) -> str:
    """The report without the notes."""
    return "\n".join(_markdown(title, sentence, parts)) + "\n"


def _markdown(title: str, sentence: str, parts: Sequence[Section]) -> Iterator[str]:
    yield from (f"# {title}", "", sentence)
    for part in parts:
        yield from ("", f"## {part.title}")
        for line in part.text:
            yield from ("", line)
        for plot in part.plots:
            yield from ("", f"![{plot.title}](figures/{plot.name}.png)")
        for table in part.tables:
            yield from ("", f"{table.caption}:", "", *markdown_table(table))


def markdown_table(table: Table) -> Iterator[str]:
    """The lines of a table."""
    yield _row(table.columns)
    yield _row(["---"] * len(table.columns))
    for row in table.shown():
        yield _row([text for _, text in row])


def _row(cells: Sequence[str]) -> str:
    plain = (text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for text in cells)
    return f"| {' | '.join(plain)} |"
