"""The docs site is built without a warning, has every page, and loads nothing from elsewhere."""

import re
import subprocess
import sys

import pytest

from tests.support import HOME

pytest.importorskip("furo", reason="furo is not installed (extra: docs)")
pytest.importorskip("myst_parser", reason="myst-parser is not installed (extra: docs)")
BUILD = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-b", "html"]


def build(docs, out):
    return subprocess.run([*BUILD, docs, out], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    done = build(HOME / "docs", out)
    assert (done.returncode, done.stderr) == (0, "")
    return out


def test_every_page_is_in_the_site_and_in_its_list(site):
    pages = {p.relative_to(HOME / "docs").with_suffix("") for p in (HOME / "docs").rglob("*.md")}
    listed = (site / "index.html").read_text(encoding="utf-8")
    for page in pages:
        assert (site / page.with_suffix(".html")).exists()
        assert page.name == "index" or f'href="{page.as_posix()}.html"' in listed


def test_the_site_loads_nothing_from_elsewhere(site):
    loading = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//|<link[^>]*\shref=["']?(?:https?:)?//"""
    )
    for page in site.rglob("*.html"):
        assert loading.findall(page.read_text(encoding="utf-8")) == [], page.name
    for style in site.rglob("*.css"):
        assert (
            re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")) == []
        ), style.name


def test_a_link_to_nowhere_fails_the_build(tmp_path):
    (tmp_path / "conf.py").write_text((HOME / "docs" / "conf.py").read_text(encoding="utf-8"))
    (tmp_path / "index.md").write_text("# A\n\n## B\n\n[there](#b) [no page](other.md) [no heading](#c)\n")
    done = build(tmp_path, tmp_path / "out")
    assert (
        done.returncode != 0
        and "other.md" in done.stderr
        and "'c'" in done.stderr
        and "'b'" not in done.stderr
    )
