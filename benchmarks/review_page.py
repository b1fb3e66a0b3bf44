"""How fast the auditor's page is: 500 notes of 10,000 characters in headless Chromium.

    python benchmarks/review_page.py [--notes 500] [--characters 10000] [--out F]

Times are in milliseconds: from the start of loading until the page takes keys (``ready``) and until codes can
be searched (``table``), and from a key until the next frame is painted (median and maximum of 15).
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from scl_rl.atomic import write_json
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.synthetic.sets import generate
from scl_rl.corpus.synthetic.settings import SyntheticSettings
from scl_rl.corpus.types import Annotation, Document, Fragment
from scl_rl.review.page import write_review_page
from scl_rl.scoring.dictionary import SpanDictionary, prediction_of

KEYS = {"accept": "a", "next code": "j", "wrong code": "x", "undo": "z", "next note": "l", "next open": "."}
_PRESS = """async (key) => {
  const start = performance.now();
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""


def long_notes(notes: int, characters: int) -> list[Document]:
    """Notes put together from short synthetic ones."""
    short = generate(SyntheticSettings(documents=0, spans=0, code_only=0, dev=0, test=200)).test
    rng = random.Random(0)
    made = []
    for number in range(notes):
        text, found = "", dict[str, list[list[Fragment]]]()
        while len(text) < characters:
            note = rng.choice(short)
            for annotation in note.annotations or ():
                moved = [[(s + len(text), e + len(text)) for s, e in m] for m in annotation.mentions or ()]
                found.setdefault(annotation.code, []).extend(moved)
            text += note.text + "\n\n"
        annotations = [Annotation(code=code, mentions=mentions) for code, mentions in found.items()]
        made.append(Document(id=f"note-{number}", text=text, annotations=annotations))
    return made


def measure(page: Path) -> dict[str, Any]:
    """Open the page and press keys."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1400, "height": 900})
        opened.goto(page.as_uri())
        opened.wait_for_selector("body[data-ready]")
        ready = opened.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        opened.wait_for_selector("#table", state="detached")
        table = opened.evaluate("performance.now()")
        pressed = {name: [opened.evaluate(_PRESS, key) for _ in range(15)] for name, key in KEYS.items()}
        version = browser.version
        browser.close()
    keys = {name: {"median": statistics.median(ts), "max": max(ts)} for name, ts in pressed.items()}
    return {"chromium": version, "ready": ready, "table": table, "keys": keys}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notes", type=int, default=500)
    parser.add_argument("--characters", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    documents = long_notes(given.notes, given.characters)
    dictionary = SpanDictionary(generate(SyntheticSettings(documents=0, dev=0, test=0, code_only=0)).spans)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("predictions.jsonl", "notes.jsonl", "review.html")]
        write_jsonl(files[0], (prediction_of(dictionary.annotate(document)) for document in documents))
        write_jsonl(files[1], documents)
        figures = write_review_page(*files)
        found = {**figures, "megabytes": files[2].stat().st_size / 1e6, **measure(files[2])}
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(given.out, found)
    print(found)


if __name__ == "__main__":
    main()
