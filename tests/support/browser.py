"""Chromium as Debian installs it, driven without a window; tests skip where it is not there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 120_000  # ms: a busy machine fails no test


@contextmanager
def chromium() -> Iterator[object]:
    """A Playwright browser."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: dev)")
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium; apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser, path, **context):
    """A page from disk in a context of its own, with lists of the requests and the errors that it made."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}, **context).new_page()
    page.set_default_timeout(_PATIENCE)
    page.requested, page.wrong = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda line: page.wrong.append(line.text) if line.type == "error" else None)
    page.goto(path.as_uri())
    return page


def violations(page) -> list[str]:
    """What axe-core finds wrong for users of screen readers, keyboards and weak eyes."""
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed (extra: dev)")
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)  # by the debugger: the page's policy would refuse a script
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found["violations"] for node in rule["nodes"]]


def wait_for_text(page, selector: str, text: str) -> None:
    """Until an element has a text. ``wait_for_function`` evaluates a string, which our pages forbid."""
    from playwright.sync_api import expect

    expect(page.locator(selector).first).to_contain_text(text)
