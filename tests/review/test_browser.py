"""The auditor's page in a real browser, by keyboard."""

import json

import pytest
import yaml
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction, Span
from scl_rl.recipe.load import load_recipe
from scl_rl.reporter import QUIET
from scl_rl.review.page import PageOptions, write_review_page
from scl_rl.runner.run import RunOptions, run_recipe
from scl_rl.scoring.dictionary import SpanDictionary
from tests.support.browser import chromium, opened, violations, wait_for_text
from tests.support.tiny import make_tiny_model

EVIL = "</script><script>document.body.dataset.ran = 'yes'</script><img src=x onerror=\"fetch('http://127.0.0.1:9')\">"
NOTE = f"😀 He has HTN. Chest pain since May; no fever. Mother had HTN. {EVIL} 𝕏-ray clear, cough at night."


def place(text, words):
    start = text.index(words)
    return [(start, start + len(words))]


def mention(quote, fragments):
    return PredictedMention(quotes=[quote], fragments=fragments)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    documents = [
        Document(
            id="n<1>",
            text=NOTE,
            annotations=[
                Annotation(code="I10", mentions=[place(NOTE, "HTN")]),
                Annotation(code="R07.9", mentions=[place(NOTE, "Chest pain")]),
                Annotation(code="R05.9", mentions=[place(NOTE, "cough")]),
            ],
        ),
        Document(id="n2", text="Nothing to see.", annotations=[]),
    ]
    predictions = [
        Prediction(
            id="n<1>",
            codes=[
                PredictedCode(code="I10", mentions=[mention("HTN", place(NOTE, "HTN"))]),
                PredictedCode(code="R07.9", mentions=[mention("fever", place(NOTE, "fever"))]),
                PredictedCode(code="J18.9", mentions=[mention("lobar pneumonia", None)]),
            ],
        ),
        Prediction(id="n2", codes=[]),
    ]
    write_jsonl(folder / "notes.jsonl", documents)
    write_jsonl(folder / "predictions.jsonl", predictions)
    wordings = SpanDictionary([Span(text="HTN", code="I10"), Span(text="HTN", code="I15.9")])
    options = PageOptions(wordings=wordings)
    write_review_page(folder / "predictions.jsonl", folder / "notes.jsonl", folder / "review.html", options)
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser, files):
    made = opened(browser, files / "review.html", accept_downloads=True)
    made.wait_for_selector("body[data-ready]")
    yield made
    assert made.wrong == []
    assert [url for url in made.requested if not url.startswith(("file:", "blob:"))] == []
    made.context.close()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def said(page):
    return page.inner_text("#said").strip("\u00a0")


def run_command(files, *arguments):
    given = ["review", files / "predictions.jsonl", "--documents", files / "notes.jsonl", *arguments]
    done = CliRunner().invoke(main, [str(argument) for argument in given])
    assert done.exit_code == 0, done.output
    return done.stdout


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def train_on(documents):
    """An SFT stage on the documents, with a random model; its figures."""
    make_tiny_model(documents.parent / "tiny")
    write_jsonl(documents.parent / "test.jsonl", [Document(id="t", text="Fever.", annotations=[])])
    recipe = {
        "name": "reviewed",
        "model": "./tiny",
        "data": {"source": "files", "annotated": documents.name, "test": "test.jsonl"},
        "stages": {"scl": {"kind": "sft", "mixture": {"documents": 1.0}, "tokens": 800}},
    }
    file = documents.parent / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    folder = run_recipe(load_recipe(file), documents.parent / "runs", RunOptions(reporter=QUIET))
    return json.loads(folder.summary.read_text())["stages"]["scl"]["figures"]


def saved(page, press_to_save):
    with page.expect_download() as download:
        press_to_save()
    return download.value.path().read_text(encoding="utf-8")


def test_a_note_is_text_and_never_markup(page):
    assert page.inner_text("#text") == NOTE
    assert page.evaluate("document.body.dataset.ran") is None
    assert page.query_selector("#text img, #text script") is None
    assert "default-src 'none'" in page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")


def test_the_policy_lets_nothing_out(page):
    page.evaluate("fetch('http://127.0.0.1:9/x').catch(() => {})")
    page.wait_for_timeout(100)
    assert any("Content Security Policy" in line for line in page.wrong)
    page.wrong.clear()
    page.requested.clear()


def test_what_the_scorer_says_is_shown(page):
    badges = [card.inner_text() for card in page.query_selector_all("#codes .outcome")]
    assert badges == ["cited", "wrong evidence", "wrong code", "missed by the model"]
    assert "in training: this code 1×, I15.9 1×" in page.inner_text("#codes .selected")
    press(page, "j", "j")
    assert "not in the note" in page.inner_text("#codes .selected")
    assert page.is_disabled("#codes .selected .judge.right")


def test_the_whole_journey_by_keyboard(page, files, tmp_path):
    press(page, "a")
    assert said(page) == "I10 accepted. 3 of 4 still to decide."
    press(page, "o")
    assert said(page) == "Place 2 of 2."
    press(page, "j", "w")  # R07.9: right code, wrong words
    press(page, "/")
    page.keyboard.type("chest PAIN")
    press(page, "Enter")
    assert page.inner_text("#chosen-words") == "Chest pain"
    press(page, "Enter", "j", "x", "z")  # J18.9 wrong, and taken back
    assert said(page) == "Undone: J18.9: wrong code."
    press(page, "y", ".")
    assert page.inner_text("#codes .selected .code") == "R05.9"
    press(page, "a", "t")
    page.keyboard.type("at night only")
    page.click("#comment button[type=submit]")
    press(page, "n", "Home", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowRight", "/")
    page.keyboard.type("ray clear")
    press(page, "Enter", "Enter")
    page.wait_for_selector("#table", state="detached")
    page.fill("#search-input", "z03.8")
    page.wait_for_selector("#search-results li")
    page.fill("#search-input", "encounter observation ruled out")
    page.wait_for_selector("#search-results li[aria-selected=true]")
    page.fill("#search-input", "Z03.89")
    press(page, "Enter")
    assert said(page) == "Z03.89 added."
    press(page, "d")
    assert page.inner_text("#note-heading") == "n2"
    press(page, "d")
    assert page.is_visible("#summary")
    summary = page.inner_text("#summary-body")
    assert "2 of 2 notes done" in summary
    assert "Of 3 proposed codes in them, 2 are right (67%), 1 of these with wrong words" in summary
    assert (
        "− J18.9" in summary
        and "↕ R07.9 “fever” → “Chest pain”" in summary
        and "+ Z03.89 “ray clear”" in summary
    )
    press(page, "Escape")
    page.click("#reviewer")
    page.keyboard.type("Ana B.")
    review = json.loads(saved(page, lambda: page.click("#save")))
    assert review["reviewer"] == "Ana B." and [note["done"] for note in review["notes"]] == [True, True]
    documents = saved(page, lambda: page.click("#export"))
    first = json.loads(documents.splitlines()[0])
    evidence = {a["code"]: [first["text"][s:e] for [[s, e]] in a["mentions"]] for a in first["annotations"]}
    assert evidence == {"I10": ["HTN"], "R07.9": ["Chest pain"], "R05.9": ["cough"], "Z03.89": ["ray clear"]}
    (tmp_path / "ana.json").write_text(json.dumps(review), encoding="utf-8")
    run_command(files, "--apply", tmp_path / "ana.json", "--out", tmp_path / "applied.jsonl")
    assert records(tmp_path / "applied.jsonl") == [json.loads(line) for line in documents.splitlines()]
    (tmp_path / "reviewed.jsonl").write_text(documents, encoding="utf-8")
    assert train_on(tmp_path / "reviewed.jsonl")["steps"] > 0


def test_progress_is_kept_in_the_browser_and_in_a_file(page, browser, files, tmp_path):
    press(page, "a")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.inner_text("#codes .selected .state") == "accepted"
    page.fill("#reviewer", "B")
    text = saved(page, lambda: page.click("#save"))
    (tmp_path / "b.json").write_text(text)
    other = opened(browser, files / "review.html")
    other.wait_for_selector("body[data-ready]")
    assert other.inner_text("#codes .selected .state") == "open"
    other.set_input_files("#file", tmp_path / "b.json")
    wait_for_text(other, "#codes .state", "accepted")
    (tmp_path / "bad.json").write_text(text.replace('"fingerprint": "', '"fingerprint": "0'))
    other.set_input_files("#file", tmp_path / "bad.json")
    wait_for_text(other, "#problem", "other notes")
    other.context.close()


def test_words_are_chosen_with_the_mouse_across_astral_characters(page):
    start, end = NOTE.index("𝕏"), NOTE.index("𝕏") + len("𝕏-ray")
    page.evaluate(
        """([from, to]) => {
          const walker = document.createTreeWalker(document.getElementById("text"), NodeFilter.SHOW_TEXT);
          const range = document.createRange(); let at = 0;
          const text = document.getElementById("text").textContent;
          const units = (n) => [...text].slice(0, n).join("").length;
          for (let node; (node = walker.nextNode()); at += node.length) {
            for (const [place, set] of [[units(from), "setStart"], [units(to), "setEnd"]])
              if (place >= at && place <= at + node.length) range[set](node, place - at);
          }
          document.getSelection().addRange(range);
        }""",
        [start, end],
    )
    page.dispatch_event("#text", "pointerup")
    page.wait_for_selector("#choosing:not([hidden])")
    assert page.inner_text("#chosen-words") == "𝕏-ray"
    page.click("text=Words for the selected code")
    review = page.evaluate("localStorage.getItem(Object.keys(localStorage).find((k) => k.endsWith('n<1>')))")
    added = json.loads(review)["codes"][0]["mentions"][-1]
    assert added["fragments"] == [[start, end]] and added["source"] == "reviewer"


def test_overlapping_marks_and_discontinuous_words(page):
    press(page, "m", "Home", "Shift+ArrowRight", "Shift+ArrowRight")  # "He has HTN" over "HTN"
    press(page, "f", "ArrowRight", "Enter")
    assert page.query_selector("#text mark.right") is not None
    texts = page.eval_on_selector_all("#text mark.active", "marks => marks.map((mark) => mark.textContent)")
    assert "HTN" in texts and "He has " in texts
    assert "…" in page.inner_text("#codes .selected .mentions li:last-child q")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(browser, files, scheme):
    page = opened(browser, files / "review.html", color_scheme=scheme)
    page.wait_for_selector("body[data-ready]")
    assert violations(page) == []
    press(page, "a", "j", "x", "j", "m")
    assert violations(page) == []
    press(page, "Escape", "c")
    page.wait_for_selector("#table", state="detached")
    page.fill("#search-input", "heart")
    assert violations(page) == []
    press(page, "Escape", "s")
    assert violations(page) == []
    press(page, "Escape", "?")
    assert violations(page) == []
    page.context.close()


def test_single_keys_can_be_turned_off_and_do_nothing_in_fields(page):
    page.click("#reviewer")
    press(page, "a")
    assert page.inner_text("#codes .selected .state") == "open"
    page.click("#help-open")
    page.uncheck("#shortcuts")
    press(page, "Escape")
    page.click("#codes .selected .head")
    press(page, "a")
    assert page.inner_text("#codes .selected .state") == "open"


def test_a_warning_for_codes_that_exclude_each_other(page):
    page.wait_for_selector("#table", state="detached")
    press(page, "c")
    page.fill("#search-input", "O13.9")
    press(page, "Enter", "n", "Enter")
    page.fill("#search-input", "I10")
    press(page, "Enter")
    assert "Excludes1: not to be coded with O13.9" in page.inner_text("#codes .selected .warnings")
    page.reload()
    page.wait_for_selector("#table", state="detached")
    wait_for_text(page, "#codes .title", "Gestational")


def test_the_command_writes_a_page(files, tmp_path):
    figures = json.loads(run_command(files, "--out", tmp_path / "page.html", "--json"))
    assert figures == {
        "notes": 2,
        "of": 2,
        "codes": 4,
    }
