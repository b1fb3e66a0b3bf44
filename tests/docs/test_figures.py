"""The figures of README and the result pages are those of the committed records."""

import importlib.util
import json

import pytest

from tests.support import HOME

_SPEC = importlib.util.spec_from_file_location("figures", HOME / "docs" / "figures.py")
figures = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(figures)

PAGES = [
    HOME / "README.md",
    HOME / "docs" / "comparing.md",
    HOME / "docs" / "scale.md",
    *sorted((HOME / "docs" / "results").glob("*.md")),
]


@pytest.mark.parametrize("page", figures.pages(), ids=lambda page: page.name)
def test_a_page_is_as_its_records_say(page):
    text = page.read_text(encoding="utf-8")
    assert figures.filled(text) == text, "run `make docs`"
    assert text.count("<!-- from ") == text.count("<!-- end -->") == len(figures.BLOCK.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_figure_of_a_run_stands_outside_of_the_blocks(page):
    assert figures.strays(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("record", sorted((HOME / "docs" / "results").glob("*.json")), ids=lambda r: r.name)
def test_every_record_is_used(record):
    name = f"<!-- from docs/results/{record.name}\n"
    assert any(name in page.read_text(encoding="utf-8") for page in PAGES)


PAGE = "A\n\n<!-- from r.json\n{{ r.f1 | fixed(3) }}\n-->\n0.447\n<!-- end -->\n"


def test_another_record_gives_another_page(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps({"f1": 0.4471}))
    assert figures.filled(PAGE, tmp_path) == PAGE
    (tmp_path / "r.json").write_text(json.dumps({"f1": 0.4476}))
    assert figures.filled(PAGE, tmp_path) == PAGE.replace("0.447", "0.448")


def test_a_figure_that_the_record_lacks_is_refused(tmp_path):
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"r\.json.*f1"):
        figures.filled(PAGE, tmp_path)
    with pytest.raises(SystemExit, match=r"other\.json"):
        figures.filled(PAGE.replace("r.json", "other.json"), tmp_path)


def test_stray_figures_are_found():
    assert figures.strays(PAGE) == []
    assert figures.strays(PAGE + "F1 was 0.447.\n") == ["F1 was 0.447."]
    for line in ("It took 14 minutes.", "86% of them", "+25.7 points", "needed 6 GB"):
        assert figures.strays(f"{line}\n") == [line]
    for line in (
        "`min_improvement: 0.02`",
        "arXiv [x](https://arxiv.org/abs/2603.15270)",
        "0.6 <!-- not a result -->",
    ):
        assert figures.strays(f"{line}\n") == []
    assert figures.strays("```yaml\nspans: 0.35\n```\n") == []
