"""The report of a run: made from a real run without a model, and from what training stages log."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.recipe.load import load_recipe
from scl_rl.report.collect import read_run
from scl_rl.report.curves import curves
from scl_rl.report.markdown import as_markdown
from scl_rl.report.notes import pieces, shown_notes
from scl_rl.report.rewards import agreements
from scl_rl.report.sections import Table, sections, verdict
from scl_rl.report.write import write_report
from scl_rl.reporter import QUIET
from scl_rl.runner.run import RunOptions, run_recipe
from tests.support.browser import chromium, opened, violations

EVIL = "<script>document.body.dataset.ran = 1</script>"
RECIPE = {
    "name": "words",
    "model": "none",
    "data": {"source": "synthetic", "documents": 10, "code_only": 4, "dev": 4, "test": 12, "codes": 8},
    "stages": {
        "words": {"kind": "dictionary"},
        "more": {"kind": "dictionary"},
        "evaluate": {"kind": "evaluate", "from": ["words", "more"]},
        "compare": {"kind": "compare", "from": "evaluate"},
    },
}
STEPS = [
    {"step": 0, "dev_joint_f1": 0.2},
    {"step": 1, "reward": 0.1, "kl": 0.0, "rewards": {"evidence": 0.1, "format": 0.5}, "grounded": None},
    {"step": 2, "reward": 0.3, "kl": 0.1, "rewards": {"evidence": 0.2, "format": 0.6}, "grounded": 0.5},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run to which two training stages are added that never ran: what they leave is written by hand."""
    home = tmp_path_factory.mktemp("report")
    (home / "r.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    folder = run_recipe(load_recipe(home / "r.yaml"), home / "runs", RunOptions(reporter=QUIET))
    manifest = json.loads(folder.manifest.read_text())
    summary = json.loads(folder.summary.read_text())
    recipe = yaml.safe_load(folder.recipe.read_text())
    figures = {
        "sft": {"loss_by_step": {"5": 2.5, "10": 1.5}, "dev_joint_f1": {"0": 0.0, "10": 0.25}},
        "grpo": {"warnings": ["66% of the completions were cut off"]},
    }
    for kind, figure in figures.items():
        manifest["stages"][f"my-{kind}"] = manifest["stages"]["words"] | {"kind": kind, "figures": figure}
        summary["stages"][f"my-{kind}"] = {"kind": kind, "minutes": 1.0, "figures": figure}
        (folder.stages / f"my-{kind}").mkdir()
    recipe["stages"]["my-grpo"] = {"kind": "grpo", "rewards": [{"name": "evidence"}, {"name": "grounded"}]}
    lines = "".join(json.dumps(step) + "\n" for step in STEPS)
    (folder.stages / "my-grpo" / "monitor.jsonl").write_text(lines)
    folder.manifest.write_text(json.dumps(manifest))
    folder.summary.write_text(json.dumps(summary))
    folder.recipe.write_text(yaml.safe_dump(recipe))
    return folder


def test_curves_have_what_was_logged_and_nothing_else(run):
    found = curves(read_run(run))
    assert set(found) == {"my-sft", "my-grpo"}
    assert [(p.title, p.lines) for p in found["my-sft"]] == [
        ("joint F1 on dev documents", {"dev": [(0.0, 0.0), (10.0, 0.25)]}),
        ("loss (nats per token)", {"loss": [(5.0, 2.5), (10.0, 1.5)]}),
    ]
    grpo = {panel.title: panel.lines for panel in found["my-grpo"]}
    assert grpo["reward"]["reward"] == [(1.0, 0.1), (2.0, 0.3)] and grpo["reward"]["format"][1] == (2.0, 0.6)
    assert grpo["share"] == {"quotes located": [(2.0, 0.5)]}


def test_what_the_reward_pays_for_is_asked_of_the_reward(run):
    (found,) = agreements(read_run(run)).values()
    assert found.reward == "evidence + grounded" and not found.error
    assert -1 <= found.spearman <= 1 and set(found.points) == {"words", "more"}
    assert len(found.points["words"]) == 12 and found.attacked == 12
    assert {attack.verdict for attack in found.attacks} <= {"PAYS"}


def test_a_reward_that_is_gone_costs_no_report(run, tmp_path):
    record = read_run(run)
    record.recipe["stages"]["my-grpo"]["rewards"] = [{"name": "./gone.py:f"}]
    (found,) = agreements(record).values()
    assert "gone.py" in found.error
    assert any("could not be asked" in line for part in sections(record) for line in part.text)


def test_the_verdict_is_that_of_the_comparison(run):
    said = verdict(read_run(run))
    assert re.fullmatch(
        r"words has the highest joint F1, 0\.\d{3}; more is not distinguishable from .*\.", said
    )


def test_a_run_that_compares_nothing_has_a_report_too(tmp_path):
    recipe = RECIPE | {"stages": {"words": {"kind": "dictionary"}}}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    folder = run_recipe(load_recipe(tmp_path / "r.yaml"), tmp_path / "runs", RunOptions(reporter=QUIET))
    page = write_report(folder).read_text()
    assert "the recipe compares nothing" in page and "<article" not in page


def test_notes_are_cut_where_marks_begin_and_end():
    made = pieces("He has HTN.", [((0, 10), ("A", "cited")), ((7, 10), ("B", "wrong code"))])
    assert [(p.text, p.codes, p.outcome) for p in made] == [
        ("He has ", ("A",), "cited"),
        ("HTN", ("A", "B"), "cited"),
        (".", (), ""),
    ]


def test_shown_notes_have_the_scorers_verdicts(run):
    record = read_run(run)
    notes = shown_notes(record.models, 3)
    assert len(notes) == 3 and [column.name for column in notes[0].columns] == ["gold", "words", "more"]
    by_id = {one.document.id: one for one in record.models[0].judged}
    for note in notes:
        one = by_id[note.id]
        cited = {v.code for v in note.columns[1].verdicts if v.outcome == "cited"}
        assert cited == {code for code, right in one.cited.items() if right}
        missed = {v.code for v in note.columns[1].verdicts if v.outcome == "missed"}
        assert missed == set(one.gold.mentions) - set(one.verdicts)
        assert "".join(piece.text for piece in note.columns[1].pieces) == one.document.text


def test_columns_of_shares_have_three_decimals_and_others_one():
    table = Table("t", ["a", "b", "c"], [["x|y", 0.5, 2.0], ["z", None, 0.25]])
    assert [[text for _, text in row] for row in table.shown()] == [
        ["x|y", "0.500", "2.0"],
        ["z", "–", "0.2"],
    ]
    markdown = as_markdown("Run", "v", [])
    assert markdown == "# Run\n\nv\n"


def test_the_files_of_a_report(run):
    pytest.importorskip("matplotlib")
    page = write_report(run)
    html, markdown = page.read_text(), (run.path / "report.md").read_text()
    assert "://" not in re.sub(r'base64,[^"]+', "", html)
    for name in ("differences", "time", "curves-my-grpo", "reward-my-grpo"):
        assert (run.path / "figures" / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert f"figures/{name}.png" in markdown
    assert "| words |" in markdown and "66% of the completions were cut off" in markdown
    before = page.read_bytes()
    write_report(run)
    assert page.read_bytes() == before


def test_the_command_and_what_is_no_run(run, tmp_path):
    done = CliRunner().invoke(main, ["report", str(run), "--notes", "2"])
    assert done.exit_code == 0 and done.stdout == f"report: {run.path / 'report.html'}\n"
    assert (run.path / "report.html").read_text().count("<article") == 2
    done = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert done.exit_code == 2 and "no finished run" in done.output and len(done.output.splitlines()) == 1


def test_a_damaged_file_is_named(run, tmp_path):
    (tmp_path / "summary.json").write_text("{")
    (tmp_path / "recipe.resolved.yaml").write_text("a: 1")
    done = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert done.exit_code == 2 and "summary.json: is damaged" in done.output
    for damaged in ("model: 7", "[" * 5000, "a: \0"):
        (tmp_path / "recipe.resolved.yaml").write_text(damaged)
        done = CliRunner().invoke(main, ["report", str(tmp_path)])
        assert done.exit_code == 2 and "recipe.resolved.yaml: is damaged" in done.output


SMALL = """
name: small
model: smollm2-135m
data: {source: synthetic, codes: 5, documents: 4, code_only: 0, dev: 0, test: 4, characters: 100}
stages:
  words: {kind: dictionary}
  evaluate: {kind: evaluate, from: words}
  compare: {kind: compare, from: evaluate}
"""


def test_what_changed_since_its_stage_finished_is_no_part_of_a_report(tmp_path):
    recipe = tmp_path / "small.yaml"
    recipe.write_text(SMALL)
    done = CliRunner().invoke(main, ["run", str(recipe), "--runs", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "runs" / "small"
    for name, text, expected in (
        ("stages/compare/comparison.json", "{}", "its comparison.json has changed (run the recipe again)"),
        ("stages/words/predictions.jsonl", "", "its predictions.jsonl has changed (run the recipe again)"),
        ("summary.json", "cores", "summary.json: is damaged: 'hardware.cores' (run the recipe again)"),
    ):
        kept = (folder / name).read_text()
        (folder / name).write_text(kept.replace(text, "kernels") if text == "cores" else text)
        done = CliRunner().invoke(main, ["report", str(folder)])
        assert done.exit_code == 2 and expected in done.output, done.output
        (folder / name).write_text(kept)
    assert CliRunner().invoke(main, ["report", str(folder)]).exit_code == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(run, scheme, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("scl_rl.report.collect.change", lambda files, folder: "")  # a note is changed below
    test = run.data()["test"]
    kept = test.read_text()
    try:
        test.write_text(kept.replace('"text": "', f'"text": "{EVIL}', 1))
        record = read_run(run)
        assert EVIL in record.documents[0].text
        page = write_report(run, notes=12)
    finally:
        test.write_text(kept)
    with chromium() as browser:
        shown = opened(browser, page, color_scheme=scheme)
        assert shown.evaluate("document.body.dataset.ran") is None
        assert EVIL in shown.inner_text("main")
        assert violations(shown) == []
        heading = shown.locator("table.sortable thead button").first
        heading.focus()
        shown.keyboard.press("Enter")
        codes = shown.eval_on_selector_all(
            "table.sortable:first-of-type tbody th", "cells => cells.map((c) => c.textContent)"
        )
        assert shown.locator("th[aria-sort]").count() == 1 and codes
        assert shown.wrong == [] and {url.split(":")[0] for url in shown.requested} <= {"file", "data"}
