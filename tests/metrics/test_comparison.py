"""Candidates side by side: which pairs, what is said of them, breakdowns, the stage and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from scl_rl.answer.settings import PromptSettings
from scl_rl.cli.main import main
from scl_rl.corpus.types import Document, PredictedCode, PredictedMention, Prediction
from scl_rl.errors import UserError
from scl_rl.metrics.candidate import Candidate
from scl_rl.metrics.comparison import comparison
from scl_rl.metrics.comparison_files import training_counts
from scl_rl.metrics.difference import in_words
from scl_rl.metrics.judged import judged
from scl_rl.metrics.report import evaluate_predictions
from scl_rl.modeling.settings import ModelSettings
from scl_rl.recipe.load import load_recipe
from scl_rl.stages.compare.settings import CompareSettings
from scl_rl.stages.contract import DataFiles, StageContext, StageResult
from tests.support.stages import result_of

CODES = {"I10": "HTN", "J45": "asthma", "E11": "DM2"}
TEXT = "He has HTN and asthma. No DM2, said his mother with DM2."
DOCUMENTS = 40


def place(word):
    return (TEXT.index(word), TEXT.index(word) + len(word))


def note(number, *codes, text=TEXT, **extra):
    annotations = [{"code": code, "mentions": [[place(CODES[code])]]} for code in codes]
    return Document.model_validate({"id": f"n{number}", "text": text, "annotations": annotations, **extra})


NOTES = [note(i, "I10", "J45") for i in range(DOCUMENTS)]


def said(codes_of, documents=None):
    """Predictions whose codes are those that ``codes_of`` gives for the number of a note, properly quoted."""
    return [
        Prediction(
            id=document.id,
            codes=[
                PredictedCode(
                    code=code,
                    mentions=[PredictedMention(quotes=[CODES[code]], fragments=[place(CODES[code])])],
                )
                for code in codes_of(number)
            ],
        )
        for number, document in enumerate(documents or NOTES)
    ]


def candidate(name, codes_of, documents=None, **rest):
    documents = documents or NOTES
    predictions = said(codes_of, documents)
    figures = evaluate_predictions(documents, predictions)
    return Candidate(name, list(judged(documents, predictions)), figures, **rest)


def both(number):
    return ("I10", "J45")


def one(number):
    return ("I10",)


def wrong(number):
    return ("E11",)


def mostly(number):
    return ("I10", "J45") if number % 8 else ("I10",)


def compared(*candidates, **rest):
    return comparison(candidates, resamples=300, **rest)


def test_a_better_candidate_is_called_better_and_the_figures_are_those_of_evaluate():
    found = compared(candidate("weak", one), candidate("strong", both))
    (pair,) = found["pairs"]
    joint = pair["figures"]["joint_f1"]
    assert (pair["a"], pair["b"]) == ("weak", "strong")
    assert (pair["wins"], pair["ties"], pair["losses"]) == (DOCUMENTS, 0, 0)
    assert joint["difference"] == pytest.approx(1 / 3)
    assert joint["low"] <= 1 / 3 <= joint["high"] and joint["p"] == joint["p_corrected"] == 1 / 301
    assert pair["figures"]["code_macro_f1"]["difference"] == pytest.approx(0.5)
    assert pair["figures"]["grounded"]["difference"] == 0.0
    assert pair["conclusion"] == (
        "strong is better than weak in joint F1: +33.3 points [33.3, 33.3], p = 0.003; "
        "40 documents won, 0 tied, 0 lost"
    )
    assert found["notes"] == [pair["conclusion"]]
    assert found["settings"]["documents"] == DOCUMENTS and found["settings"]["resamples"] == 300
    json.dumps(found)


def test_differences_are_those_of_the_reports():
    a = candidate("a", lambda i: ("I10", "E11") if i % 3 else ("J45",))
    b = candidate("b", lambda i: ("E11",) if i % 5 else ("I10", "J45"))
    figures = compared(a, b)["pairs"][0]["figures"]
    for name, path in {
        "code_micro_f1": ("code", "micro", "f1"),
        "code_macro_f1": ("code", "macro", "f1"),
        "joint_f1": ("joint", "micro", "f1"),
        "grounded": ("evidence", "grounded"),
    }.items():
        values = []
        for report in (a.figures, b.figures):
            for key in path:
                report = report[key]
            values.append(report)
        assert figures[name]["difference"] == pytest.approx(values[1] - values[0])


def test_each_is_compared_with_its_parent_and_with_the_baselines():
    family = [
        candidate("words", one, tokens=None),
        candidate("sft", mostly, tokens=10),
        candidate("rl", both, parent="sft", tokens=20),
        candidate("more", both, parent="sft", tokens=20),
    ]
    pairs = [(p["a"], p["b"]) for p in compared(*family)["pairs"]]
    assert pairs == [("words", "sft"), ("sft", "rl"), ("words", "rl"), ("sft", "more"), ("words", "more")]
    found = compared(*family, against=["more"])
    assert [(p["a"], p["b"]) for p in found["pairs"]] == [
        ("more", "words"),
        ("more", "sft"),
        ("sft", "rl"),
        ("more", "rl"),
    ]
    assert found["settings"]["pairs"] == 4
    for pair in found["pairs"]:
        joint = pair["figures"]["joint_f1"]
        assert joint["p"] <= joint["p_corrected"] <= min(1, 4 * joint["p"])
    assert "trained once: sft, rl, more" in found["notes"][-1]


def test_what_was_not_trained_has_no_tokens():
    found = compared(
        candidate("words", one), candidate("sft", both, tokens=2_000_000, minutes=3.0, kind="sft")
    )
    words, sft = found["candidates"]
    assert words["tokens"] is words["minutes"] is words["joint_per_million_tokens"] is words["kind"] is None
    assert sft["joint_per_million_tokens"] == pytest.approx(0.5)
    columns, rows = found["table"]["columns"], found["table"]["rows"]
    assert columns[-3:] == ["tokens trained", "minutes", "joint F1 a million tokens"]
    assert rows[0][-3:] == [None, None, None] and rows[1][-3:] == [2_000_000, 3.0, pytest.approx(0.5)]
    assert all(len(row) == len(columns) for row in rows)
    assert "minutes" not in compared(candidate("words", one))["table"]["columns"]


def test_one_candidate_has_a_table_and_no_pairs():
    found = compared(candidate("only", one))
    assert found["pairs"] == found["notes"] == [] and len(found["table"]["rows"]) == 1


def test_seeds_are_runs_of_one_system():
    found = compared(
        candidate("sft", one),
        candidate("rl.seed0", both, base="rl", seed=0, tokens=5),
        candidate("rl.seed1", wrong, base="rl", seed=1, tokens=6),
    )
    (pair,) = found["pairs"]
    joint = pair["figures"]["joint_f1"]
    assert pair["b"] == "rl"
    assert joint["difference"] == pytest.approx((1 + 0) / 2 - 2 / 3)
    assert joint["a_seeds"] is None and joint["b_seeds"] == pytest.approx(0.5**0.5)
    assert "seeds of one of them differ by more (standard deviation 70.7 points)" in pair["conclusion"]
    assert [row[0] for row in found["table"]["rows"]] == ["sft", "rl.seed0", "rl.seed1", "rl, mean of 2"]
    assert found["table"]["rows"][3][3] == pytest.approx(0.5)
    assert "trained once" not in found["notes"][-1]


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({"difference": 0.031, "low": 0.004, "high": 0.057, "p_corrected": 0.02}, "b is better than a"),
        ({"difference": -0.031, "low": -0.057, "high": -0.004, "p_corrected": 0.02}, "b is worse than a"),
        ({"difference": 0.031, "low": -0.004, "high": 0.057, "p_corrected": 0.02}, "not distinguishable"),
        ({"difference": 0.031, "low": 0.004, "high": 0.057, "p_corrected": 0.06}, "not distinguishable"),
        (
            {"difference": -0.0001, "low": -0.0002, "high": 0.057, "p_corrected": 0.9},
            "+0.0 points [0.0, 5.7]",
        ),
    ],
)
def test_the_words_need_the_interval_and_the_test_to_agree(figures, verdict):
    seeds = {"a_seeds": None, "b_seeds": 0.02}
    pair = {
        "a": "a",
        "b": "b",
        "wins": 9,
        "ties": 8,
        "losses": 7,
        "figures": {"joint_f1": {**figures, **seeds}},
    }
    words = in_words(pair, 100)
    assert verdict in words
    assert ("differ by more" in words) == (abs(figures["difference"]) < 0.02)
    assert words.endswith("; 24 documents are too few to trust the interval")


def test_documents_without_evidence_are_compared_by_codes():
    bare = [
        Document.model_validate(
            {"id": f"n{i}", "text": TEXT, "annotations": [{"code": "I10", "mentions": None}]}
        )
        for i in range(35)
    ]
    (pair,) = compared(candidate("a", wrong, bare), candidate("b", one, bare))["pairs"]
    assert (pair["wins"], pair["ties"], pair["losses"]) == (0, 0, 0)
    assert pair["conclusion"].startswith(
        "b is better than a in code F1 (no evidence is annotated): +100.0 points"
    )
    assert "too few" not in pair["conclusion"]


def test_a_document_without_codes_is_won_by_saying_nothing():
    none = [note(0), note(1, "I10")]
    (pair,) = compared(candidate("talks", one, none), candidate("silent", lambda i: (), none))["pairs"]
    assert (pair["wins"], pair["ties"], pair["losses"]) == (1, 0, 1)


def groups(found, name):
    return {row["group"]: row for row in found["breakdowns"][name]}


def test_breakdown_by_how_often_a_code_was_seen():
    found = compared(candidate("a", mostly), candidate("b", wrong), training={"I10": 20, "E11": 4})
    rows = groups(found, "by_training_count")
    assert set(rows) == {"unseen", "20+"}  # E11 is in no gold: its group has nothing to find
    assert rows["20+"]["joint_f1"] == {"a": 1.0, "b": 0.0}
    assert rows["unseen"]["joint_f1"]["a"] == pytest.approx(2 * 35 / (2 * 35 + 5))
    assert (rows["unseen"]["documents"], rows["unseen"]["codes"]) == (DOCUMENTS, DOCUMENTS)
    assert "by_training_count" not in compared(candidate("a", one))["breakdowns"]


def test_breakdown_by_trap_reads_what_is_written_and_else_the_words_around():
    trap = {"code": "E11", "kind": "negated", "tier": "A", "fragments": [list(place("DM2"))]}
    relative = "His mother had HTN. He has "
    own = (len(relative), len(relative) + 3)
    documents = [
        note(0, "I10", traps=[trap]),
        note(1, "I10", traps=[]),
        note(2, "I10"),
        Document.model_validate(
            {"id": "n3", "text": relative + "HTN.", "annotations": [{"code": "I10", "mentions": [[own]]}]}
        ),
    ]
    rows = groups(compared(candidate("a", lambda i: one(i) if i < 2 else (), documents)), "by_trap")
    assert {name: row["documents"] for name, row in rows.items()} == {
        "negated": 1,
        "same words denied or a relative's": 1,
        "no trap": 2,
        "gold codes with one mention": 4,
    }
    assert rows["negated"]["joint_f1"]["a"] == 1.0
    assert rows["no trap"]["joint_f1"]["a"] == pytest.approx(2 / 3)


def test_breakdown_by_mentions_and_by_length():
    words = [place("HTN"), place("asthma")]
    several = {"code": "I10", "mentions": [[words[0]], [words[1]]]}
    apart = {"code": "J45", "mentions": [words]}
    documents = [
        Document.model_validate({"id": "n0", "text": TEXT, "annotations": [several, apart]}),
        *(note(i, "I10", text=TEXT + " " * 10 * i) for i in range(1, 6)),
    ]
    found = compared(candidate("a", one, documents))
    rows = groups(found, "by_trap")
    assert rows["gold codes with several mentions"]["joint_f1"]["a"] == 1.0
    assert rows["gold codes with a discontinuous mention"]["joint_f1"]["a"] == 0.0
    lengths = found["breakdowns"]["by_length"]
    assert [row["documents"] for row in lengths] == [2, 2, 2]
    assert lengths[-1]["group"] == "longer" and lengths[0]["group"].startswith("up to ")


def write(path: Path, records) -> Path:
    lines = (r if isinstance(r, str) else r.model_dump_json(exclude_none=True) for r in records)
    path.write_text("".join(line + "\n" for line in lines))
    return path


@pytest.fixture
def files(tmp_path):
    """Documents, two predictions files of one name, and what was trained on."""
    for name, codes_of in (("a", one), ("b", both)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "predictions.jsonl", said(codes_of))
    write(tmp_path / "documents.jsonl", NOTES)
    write(tmp_path / "train.jsonl", [note(9, "I10", "J45")])
    write(tmp_path / "spans.jsonl", [json.dumps({"text": "HTN", "code": "I10", "source": "x"})] * 4)
    return tmp_path


def run(files: Path, *arguments: str):
    options = ("--documents", str(files / "documents.jsonl"), "--resamples", "200", *arguments)
    paths = [str(files / name / "predictions.jsonl") for name in ("a", "b")]
    return CliRunner().invoke(main, ["compare", *paths, *options])


def test_training_counts_documents_and_spans(files):
    assert training_counts([files / "train.jsonl", files / "spans.jsonl"]) == {"I10": 5, "J45": 1}


def test_the_command_prints_the_table_the_words_and_the_breakdowns(files):
    done = run(files, "--training", str(files / "train.jsonl"), "--training", str(files / "spans.jsonl"))
    assert done.exit_code == 0, done.output
    assert "b is better than a in joint F1: +33.3 points" in done.stdout
    for words in (
        "code F1 micro",
        "joint F1 by training count",
        "5-19",
        "joint F1 by trap",
        "joint F1 by length",
    ):
        assert words in done.stdout
    assert "asthma" not in done.stdout


def test_predictions_that_are_not_there_are_told(files):
    path = files / "b" / "predictions.jsonl"
    whole = run(files)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))  # cut off at the end of a line
    told = "b: 2 documents have no prediction and count as predicted without codes"
    assert told not in whole.stdout and told in run(files).stdout
    assert told in json.loads(run(files, "--json").stdout)["notes"]
    evaluated = CliRunner().invoke(
        main, ["evaluate", "--predictions", str(path), "--documents", str(files / "documents.jsonl")]
    )
    assert "without prediction: 2" in evaluated.stdout


def test_the_command_is_the_same_each_time_and_takes_another_baseline(files):
    first = run(files, "--json", "--seed", "3")
    assert first.exit_code == 0 and first.stdout == run(files, "--json", "--seed", "3").stdout
    other = json.loads(run(files, "--json", "--against", str(files / "b" / "predictions.jsonl")).stdout)
    (pair,) = other["pairs"]
    assert (pair["a"], pair["b"], pair["losses"]) == ("b", "a", DOCUMENTS)
    assert set(other) == {"candidates", "table", "pairs", "breakdowns", "notes", "settings"}


def test_mistakes_of_the_command_are_told_in_a_line(files):
    strange = run(files, "--against", str(files / "train.jsonl"))
    assert strange.exit_code == 2 and "is not one of the predictions files" in strange.stderr
    write(files / "b" / "predictions.jsonl", said(one, [note(99)]))
    other = run(files)
    assert other.exit_code == 2 and "there is no document 'n99' in " in other.stderr
    write(files / "documents.jsonl", ["", '{"id": "n1", "text": "HTN"}'])
    unlabelled = run(files)
    assert unlabelled.exit_code == 2
    assert "documents.jsonl:2: document 'n1' has no annotations (leave it out" in unlabelled.stderr


def result(folder: Path, name: str, kind: str, parents=(), codes_of=None, **rest) -> StageResult:
    """A finished stage; one that predicted if ``codes_of`` is given."""
    (folder / name).mkdir(parents=True)
    if codes_of:
        write(folder / name / "predictions.jsonl", said(codes_of))
    return result_of(name, kind, folder / name, parents=tuple(parents), **rest)


def evaluated(folder: Path, parent: StageResult, codes_of) -> StageResult:
    figures = evaluate_predictions(NOTES, said(codes_of))
    return result(folder, f"evaluate.{parent.name}", "evaluate", [parent], figures=figures, seed=parent.seed)


def predicted(folder: Path, model: StageResult, codes_of, name="predict") -> StageResult:
    made = result(folder, f"{name}.{model.name}", "predict", [model], codes_of, minutes=9.0, seed=model.seed)
    return evaluated(folder, made, codes_of)


@pytest.fixture
def context(tmp_path):
    """A run with a dictionary, an SFT model and two seeds of a GRPO model that comes from it."""
    write(tmp_path / "documents.jsonl", NOTES)
    write(tmp_path / "train.jsonl", [note(9, "I10")])
    words = result(tmp_path, "words", "dictionary", (), one)
    sft = result(tmp_path, "sft", "sft", figures={"tokens": 600}, minutes=2.0)
    rl = [
        result(tmp_path, f"rl.seed{n}", "grpo", [sft], figures={"tokens": 400}, minutes=1.0, seed=n)
        for n in (0, 1)
    ]
    parents = (
        evaluated(tmp_path, words, one),
        predicted(tmp_path, sft, mostly),
        *(predicted(tmp_path, model, both) for model in rl),
    )
    folder = tmp_path / "compare"
    folder.mkdir()
    return StageContext(
        name="compare",
        folder=folder,
        base=tmp_path,
        seed=0,
        model=ModelSettings(name="none"),
        prompt=PromptSettings(),
        answer="lines",
        window=None,
        data=DataFiles(annotated=tmp_path / "train.jsonl", test=tmp_path / "documents.jsonl"),
        parents=parents,
    )


def test_the_stage_knows_what_comes_from_what(context):
    found = CompareSettings(resamples=200).run(context)
    assert json.loads((context.folder / "comparison.json").read_text()) == found
    rows = {c["name"]: (c["system"], c["parent"], c["tokens"], c["minutes"]) for c in found["candidates"]}
    assert rows == {
        "words": ("words", None, None, None),
        "sft": ("sft", None, 600, 2.0),
        "rl.seed0": ("rl", "sft", 1000, 3.0),
        "rl.seed1": ("rl", "sft", 1000, 3.0),
    }
    assert [(p["a"], p["b"]) for p in found["pairs"]] == [("words", "sft"), ("sft", "rl"), ("words", "rl")]
    assert {row["group"] for row in found["breakdowns"]["by_training_count"]} == {"unseen", "1-4"}
    assert found["notes"][-1].startswith("trained once: sft;")


def test_a_model_that_predicted_in_two_ways_is_two_candidates(context):
    sft = context.parents[1].parents[0].parents[0]
    again = predicted(context.base, sft, both, name="constrained")
    found = CompareSettings(resamples=200).run(replace(context, parents=(context.parents[1], again)))
    assert [(p["a"], p["b"]) for p in found["pairs"]] == [("sft", "constrained.sft")]
    assert [c["tokens"] for c in found["candidates"]] == [600, 600]


def test_against_is_no_candidate(context):
    with pytest.raises(UserError, match=r"against: there is no 'rf'.*rl"):
        CompareSettings(against=["rf"]).run(context)


RECIPE = """\
name: toy
model: smollm2-135m
data: {source: synthetic, codes: 10}
stages:
  sft: {kind: sft, tokens: 90}
  other: {kind: sft, tokens: 90}
  predict: {kind: predict, from: sft}
  evaluate: {kind: evaluate, from: predict}
  compare: {kind: compare, from: evaluate, %s}
"""


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("against: [sfd]", "there is no stage 'sfd'"),
        (
            "against: [other]",
            r"nothing of what it compares comes from stage 'other' \(name one that it compares\)",
        ),
        ("split: dev", "compares on dev documents what was evaluated on test documents"),
    ],
)
def test_mistakes_of_a_recipe_are_told_before_anything_runs(tmp_path, setting, expected):
    (tmp_path / "toy.yaml").write_text(RECIPE % setting)
    with pytest.raises(UserError, match=expected):
        load_recipe(str(tmp_path / "toy.yaml"))
    (tmp_path / "toy.yaml").write_text(RECIPE % "against: [sft]")
    assert load_recipe(str(tmp_path / "toy.yaml")).stages[-1].also_needs == ("sft",)
