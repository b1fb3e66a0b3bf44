"""Review files merged, compared and made into what can be trained on."""

import json

import pytest
from click.testing import CliRunner

from scl_rl.answer import parse
from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_documents, read_predictions, write_jsonl
from scl_rl.corpus.types import Document, PredictedCode, PredictedMention, Prediction
from scl_rl.review.agreement import agreements, kappa
from scl_rl.review.merge import merge
from scl_rl.review.notes import fingerprint
from scl_rl.review.record import FORMAT, Review
from scl_rl.scoring import GoldDocument

TEXT = "Known HTN. Cough and fever. Mother had HTN."
HTN, COUGH, FEVER, HTN2 = (6, 9), (11, 16), (21, 26), (39, 42)
DOCUMENTS = [Document(id=name, text=TEXT, source="x") for name in "abc"]
PREDICTIONS = [
    Prediction(
        id=name,
        codes=[
            PredictedCode(code="I10", mentions=[PredictedMention(quotes=["HTN"], fragments=[HTN2])]),
            PredictedCode(code="R05.9", mentions=[PredictedMention(quotes=["dry cough"], fragments=None)]),
        ],
    )
    for name in "abc"
]


def code(verdict, proposed, *mentions, name=None, source="model", comment=""):
    return {
        "code": name or proposed,
        "proposed": proposed,
        "source": source,
        "verdict": verdict,
        "comment": comment,
        "mentions": [
            {"fragments": place and [place], "source": whose, "verdict": verdict}
            for place, whose, verdict in mentions
        ],
    }


I10_MOVED = code("right", "I10", (HTN2, "model", "wrong"), (HTN, "reviewer", "right"))
I10_RIGHT = code("right", "I10", (HTN2, "model", "right"))
I10_WRONG = code("wrong", "I10", (HTN2, "model", None))
COUGH_RIGHT = code("right", "R05.9", (None, "model", "wrong"), (COUGH, "reviewer", "right"))
COUGH_CHANGED = code("changed", "R05.9", (None, "model", "wrong"), name="R05.3", comment="since May")
FEVER_ADDED = code("right", None, (FEVER, "reviewer", "right"), name="R50.9", source="reviewer")


def review(reviewer, sample=None, **notes):
    return Review.model_validate(
        {
            "format": FORMAT,
            "fingerprint": fingerprint(DOCUMENTS, PREDICTIONS),
            "reviewer": reviewer,
            "sample": sample,
            "notes": [
                {"id": name, "done": True, "seconds": 90, "codes": codes} for name, codes in notes.items()
            ],
        }
    )


ANA = review("Ana", a=[I10_MOVED, COUGH_RIGHT, FEVER_ADDED], b=[I10_RIGHT, COUGH_RIGHT])
BEN = review("Ben", a=[I10_MOVED, COUGH_RIGHT], b=[I10_RIGHT, COUGH_CHANGED])
SYSTEMS = dict.fromkeys(["I10", "R05.9", "R05.3", "R50.9"], "ICD-10-CM")


def annotations(documents):
    return {d.id: {a.code: a.mentions for a in d.annotations} for d in documents}


def test_a_majority_of_reviewers_decides():
    cleo = review("Cleo", a=[I10_MOVED, COUGH_RIGHT, FEVER_ADDED], b=[I10_WRONG, COUGH_CHANGED])
    merged = merge(DOCUMENTS, [ANA, BEN, cleo], SYSTEMS)
    assert annotations(merged.documents) == {
        "a": {"I10": [[HTN]], "R05.9": [[COUGH]], "R50.9": [[FEVER]]},
        "b": {"I10": [[HTN2]], "R05.3": None},
    }
    assert merged.ties == [] and merged.documents[0].model_extra == {"source": "x"}


@pytest.mark.parametrize(
    ("tie", "expected"), [("leave-out", set()), ("keep", {"a", "b"}), ("drop", {"a", "b"})]
)
def test_a_tie_is_settled_as_asked(tie, expected):
    merged = merge(DOCUMENTS, [ANA, BEN], SYSTEMS, tie)
    assert merged.ties == [("a", "R50.9"), ("b", "R05.9"), ("b", "R05.3")]
    codes = annotations(merged.documents)
    assert set(codes) == expected and set(merged.left_out) == {"a", "b"} - expected
    if expected:
        assert ("R50.9" in codes["a"]) == (tie == "keep")


def test_words_that_overlap_by_half_are_the_same_and_others_are_all_taken():
    wide = code("right", "I10", ((0, 9), "reviewer", "right"))  # "Known HTN"
    merged = merge(DOCUMENTS, [review("A", a=[I10_MOVED]), review("B", a=[wide])], SYSTEMS)
    assert annotations(merged.documents) == {"a": {"I10": [[HTN]]}}
    merged = merge(DOCUMENTS, [review("A", a=[I10_MOVED]), review("B", a=[I10_RIGHT])], SYSTEMS)
    assert annotations(merged.documents) == {"a": {"I10": [[HTN], [HTN2]]}}
    assert merged.words_apart == [("a", "I10")]


def test_kappa_is_cohens():
    # Cohen's example as in textbooks: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: kappa = 0.4
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([]) is None and kappa([("y", "y")] * 3) is None


def test_agreement_of_two_reviewers():
    (found,) = agreements([ANA, BEN], {d.id: d for d in DOCUMENTS})
    assert found["notes"] == 2
    # codes: a: 3 against 2, b: {I10, R05.9} against {I10, R05.3}: tp 3, fp 1, fn 2
    assert found["code_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))
    # spans: HTN, COUGH, HTN2 shared; FEVER and b's COUGH are Ana's alone
    assert found["span_f1"] == pytest.approx(2 * 3 / (2 * 3 + 0 + 2))
    # verdicts: right-right x3, right-changed: chance = 1 * 3/4
    assert found["kappa"] == pytest.approx(0.0)


@pytest.fixture
def folder(tmp_path):
    write_jsonl(tmp_path / "notes.jsonl", DOCUMENTS)
    write_jsonl(tmp_path / "predictions.jsonl", PREDICTIONS)
    for one in (ANA, BEN):
        (tmp_path / f"{one.reviewer}.json").write_text(one.model_dump_json())
    return tmp_path


def run(folder, *arguments):
    common = ["review", folder / "predictions.jsonl", "--documents", folder / "notes.jsonl"]
    return CliRunner().invoke(main, [str(argument) for argument in (*common, *arguments)])


def test_what_the_command_writes(folder):
    outputs = [
        "--out",
        folder / "out.jsonl",
        "--pairs",
        folder / "pairs.jsonl",
        "--diff",
        folder / "diff.jsonl",
    ]
    done = run(folder, "--apply", folder / "Ana.json", *outputs, "--json")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert (figures["notes"], figures["pairs"], figures["without_words"]) == (2, 2, 0)
    (ana,) = figures["reviewers"]
    assert (ana["codes"], ana["right"], ana["added"], ana["minutes"]) == (4, 4, 1, 3.0)
    assert ana["code_precision"]["value"] == 1.0 and ana["joint_precision"]["value"] == 0.25
    assert figures["under_coding"] == {"R50.9": 1} and figures["over_coding"] == {}
    documents = read_documents(folder / "out.jsonl")
    assert annotations(documents)["a"] == {"I10": [[HTN]], "R05.9": [[COUGH]], "R50.9": [[FEVER]]}
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    assert pairs[0]["prompt"].startswith("Note:\n") and TEXT in pairs[0]["prompt"]
    assert pairs[0]["rejected"] == '"HTN"#2 => I10\n"dry cough" => R05.9'
    gold = GoldDocument.of(documents[0])
    assert parse(pairs[0]["chosen"]) == gold.gold_answer()
    first = json.loads((folder / "diff.jsonl").read_text().splitlines()[0])
    assert [change["code"] for change in first["moved"]] == ["I10", "R05.9"] and first["removed"] == []


def test_what_was_accepted_as_it_is_gives_no_pair(folder):
    accepted = review("Cleo", c=[I10_RIGHT])
    predictions = read_predictions(folder / "predictions.jsonl")
    predictions[2].codes.pop()
    write_jsonl(folder / "predictions.jsonl", predictions)
    same = accepted.model_copy(update={"fingerprint": fingerprint(DOCUMENTS, predictions)})
    (folder / "cleo.json").write_text(same.model_dump_json())
    done = run(
        folder, "--apply", folder / "cleo.json", "--out", folder / "o", "--pairs", folder / "p", "--json"
    )
    assert json.loads(done.stdout)["pairs"] == 0


def test_the_table_names_ties_and_agreement(folder):
    reviews = ["--apply", folder / "Ana.json", "--apply", folder / "Ben.json"]
    done = run(folder, *reviews, "--out", folder / "out.jsonl")
    assert done.exit_code == 0 and "2 notes left out: the reviewers are tied" in done.output
    assert "kappa" in done.output and TEXT[:9] not in done.output


def test_a_sample_speaks_for_all_notes(folder):
    strata = [{"name": "all notes", "size": 3, "drawn": ["a", "b"]}]
    sampled = review("Dee", strata, a=[I10_RIGHT, COUGH_CHANGED], b=[I10_WRONG, COUGH_CHANGED])
    (folder / "dee.json").write_text(sampled.model_dump_json())
    done = run(folder, "--apply", folder / "dee.json", "--out", folder / "out.jsonl", "--json")
    share = json.loads(done.stdout)["reviewers"][0]["code_precision"]
    assert share["value"] == pytest.approx(0.25) and share["low"] == 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r | {"fingerprint": "0" * 16}, "was made of other notes or other predictions"),
        (lambda r: r | {"reviewer": " "}, "the reviewer has no name"),
        (lambda r: r | {"format": "x"}, "format: no review file of this version"),
        (lambda r: r | {"notes": [r["notes"][0] | {"id": "z"}]}, "there is no document 'z'"),
        (lambda r: r | {"notes": [r["notes"][0], r["notes"][0]]}, "note 'a' is there twice"),
        (lambda r: r | {"notes": [r["notes"][0] | {"done": False}]}, "no note is marked done"),
        (lambda r: _with_fragment(r, [5, 999]), "fragment [5, 999] outside the text of 43 characters"),
    ],
)
def test_a_bad_review_file_is_refused_in_one_line(folder, change, said):
    value = change(json.loads((folder / "Ana.json").read_text()))
    (folder / "bad.json").write_text(json.dumps(value))
    done = run(folder, "--apply", folder / "bad.json", "--out", folder / "out.jsonl")
    assert done.exit_code == 2 and said in done.output and str(folder / "bad.json") in done.output
    assert len(done.output.splitlines()) == 1 and not (folder / "out.jsonl").exists()


def _with_fragment(value, fragment):
    value["notes"][0]["codes"][0]["mentions"][0]["fragments"] = [fragment]
    return value


def test_a_page_needs_something_to_review(folder):
    (folder / "predictions.jsonl").write_text("")
    done = run(folder, "--out", folder / "page.html")
    assert done.exit_code == 2 and "predictions.jsonl: has no predictions" in done.output


def test_two_reviews_by_one_reviewer_and_useless_options_are_refused(folder):
    twice = ["--apply", folder / "Ana.json", "--apply", folder / "Ana.json", "--out", folder / "out.jsonl"]
    assert "'Ana' is the reviewer of" in run(folder, *twice).output
    page = ["--out", folder / "page.html"]
    assert "--tie: needs --apply" in run(folder, *page, "--tie", "keep").output
    assert "--stratify: needs --sample" in run(folder, *page, "--stratify", "codes").output
    done = run(folder, *twice, "--blind")
    assert done.exit_code == 2 and "--blind: is not used with --apply" in done.output
