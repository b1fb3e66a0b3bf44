"""What the page exports is what ``review --apply`` writes from the same review."""

import json
import random

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Document, PredictedCode, PredictedMention, Prediction
from scl_rl.modeling.load import CARD, ModelCard
from scl_rl.review.notes import fingerprint
from scl_rl.review.page import PageOptions, write_review_page
from scl_rl.review.record import FORMAT
from tests.support.browser import chromium, opened, wait_for_text
from tests.support.tiny import make_tiny_model

CODES = ["I10", "R05.9", "J18.9", "R50.9", "E11.9", "K21.9"]
WORDS = [
    "HTN",
    "htn",
    "cough",
    "Cough",
    "aa",
    "µg",
    "μg",
    "straße",
    "STRASSE",
    "ſo",
    "so",
    "İ",
    "😀",
    "ım",
    "Σας",
]
GAPS = [" ", "  ", "\n", "\u00a0", " \x1c", ". ", "\t"]


def text_of(rng):
    return "".join(rng.choice(WORDS) + rng.choice(GAPS) for _ in range(rng.randint(4, 30)))


def fragments_in(text, rng):
    starts = sorted(rng.sample(range(len(text)), rng.choice([1, 1, 2])))
    return [[start, min(len(text), start + rng.randint(1, 7))] for start in starts]


def predicted(text, rng):
    fragments = fragments_in(text, rng)
    quotes = [text[start:end] for start, end in fragments]
    kind = rng.random()
    if kind < 0.2:
        return PredictedMention(quotes=["lobar pneumonia"], fragments=None)
    return PredictedMention(quotes=["else"] * len(quotes) if kind < 0.3 else quotes, fragments=fragments)


def reviewed(note, answer, rng):
    """A random review of a note, in the form in which the page keeps it."""
    codes = []
    for code in answer.codes:
        verdict = rng.choice(["right", "right", "wrong", "changed"])
        mentions = [
            {"fragments": m.fragments, "source": "model", "alone": None}
            | {"verdict": rng.choice(["right", "wrong"]) if m.fragments else "wrong"}
            for m in code.mentions
        ]
        if rng.random() < 0.7:
            own = {"fragments": fragments_in(note.text, rng), "source": "reviewer"}
            mentions.append({**own, "verdict": "right", "alone": None})
        name = rng.choice(CODES) if verdict == "changed" else code.code
        comment = rng.choice(["", "as of May"])
        codes.append(
            {"code": name, "proposed": code.code, "source": "model", "verdict": verdict}
            | {"mentions": mentions, "comment": comment, "at": None}
        )
    return {"id": note.id, "done": rng.random() < 0.9, "seconds": 1, "codes": codes}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("export"), random.Random(5)
    notes = [Document(id=f"n{number}", text=text_of(rng)) for number in range(60)]
    answers = [
        Prediction(
            id=note.id,
            codes=[
                PredictedCode(
                    code=code, mentions=[predicted(note.text, rng) for _ in range(rng.randint(1, 3))]
                )
                for code in rng.sample(CODES, rng.randint(0, 3))
            ],
        )
        for note in notes
    ]
    write_jsonl(folder / "notes.jsonl", notes)
    write_jsonl(folder / "predictions.jsonl", answers)
    review = {"format": FORMAT, "fingerprint": fingerprint(notes, answers), "reviewer": "Ana", "sample": None}
    review["notes"] = [reviewed(note, answer, rng) for note, answer in zip(notes, answers, strict=True)]
    (folder / "ana.json").write_text(json.dumps(review))
    make_tiny_model(folder / "model")
    card = ModelCard(
        base="x", dtype="float32", template="{text} => {text}?", chat=True, answer="json", window=40
    )
    (folder / "model" / CARD).write_text(card.model_dump_json())
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def applied(folder, *model):
    outputs = ["--out", folder / "o", "--pairs", folder / "p", "--diff", folder / "d"]
    given = ["--documents", folder / "notes.jsonl", "--apply", folder / "ana.json", *outputs, *model]
    done = CliRunner().invoke(main, [str(one) for one in ("review", folder / "predictions.jsonl", *given)])
    assert done.exit_code == 0, done.output
    return [[json.loads(line) for line in (folder / name).read_text().split("\n") if line] for name in "opd"]


@pytest.mark.parametrize("model", [None, "model"], ids=["defaults", "windows, chat and JSON"])
def test_the_page_exports_what_apply_writes(browser, folder, model):
    options = PageOptions(model=folder / model if model else None)
    write_review_page(folder / "predictions.jsonl", folder / "notes.jsonl", folder / "page.html", options)
    page = opened(browser, folder / "page.html", accept_downloads=True)
    page.wait_for_selector("body[data-ready]")
    page.set_input_files("#file", folder / "ana.json")
    wait_for_text(page, "#said", "60 notes read")
    page.keyboard.press("s")
    exported = []
    for kind in ("reviewed", "pairs", "diff"):
        with page.expect_download() as download:
            page.click(f"dialog .export[data-kind={kind}]")
        lines = download.value.path().read_text(encoding="utf-8").split("\n")
        exported.append([json.loads(line) for line in lines if line])
    assert page.wrong == []
    page.context.close()
    documents, pairs, diff = applied(folder, *(["--model", folder / model] if model else []))
    assert exported[0] == documents
    assert exported[1] == pairs and len(pairs) >= 20
    assert any('"#' in str(pair) or "2]" in str(pair) for pair in pairs)  # a later occurrence is meant
    assert exported[2] == diff


def test_a_code_that_no_answer_can_name_ends_nothing(tmp_path):
    write_jsonl(tmp_path / "d.jsonl", [Document(id="a", text="Has a cough.", annotations=[])])
    mention = PredictedMention(quotes=["cough"], fragments=[(6, 11)])
    codes = [PredictedCode(code=code, mentions=[mention]) for code in ("R05", "İ")]
    write_jsonl(tmp_path / "p.jsonl", [Prediction(id="a", codes=codes, malformed=0)])
    args = [
        "review",
        tmp_path / "p.jsonl",
        "--documents",
        tmp_path / "d.jsonl",
        "--out",
        tmp_path / "page.html",
    ]
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output
    assert "İ" in (tmp_path / "page.html").read_text(encoding="utf-8")
