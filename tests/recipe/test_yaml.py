"""YAML as recipes are read: 1.2, bounded, and silent about what comes from the environment."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.errors import UserError
from scl_rl.recipe.load import load_recipe
from scl_rl.recipe.tree import Tree
from scl_rl.recipe.yaml12 import Dumper, Loader
from scl_rl.runner.run import write_resolved

RECIPE = """\
model: smollm2-135m
data: {source: synthetic, codes: 10}
stages:
  scl: {kind: sft, tokens: 9000}
"""


def value_of(text: str) -> Any:
    """What a YAML text says."""
    tree = Tree("r.yaml")
    tree.load(text)
    assert not tree.problems
    return tree.value


def problems_of(folder: Path, text: str, *overrides: str) -> str:
    """What is wrong with a recipe."""
    (folder / "r.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_recipe(folder / "r.yaml", overrides)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("60_000", 60000),
        ("-3", -3),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("1e-5", 1e-5),
        ("1.", 1.0),
        (".5", 0.5),
        ("2026-11-23", "2026-11-23"),
        ("~", None),
        ("", None),
        ("'010'", "010"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    read = value_of(f"a: {text}")["a"]
    assert read == value and type(read) is type(value)


def test_keys_that_yaml_1_1_takes_for_truth_values_are_text() -> None:
    assert value_of("{on: 1, yes: 2, no: 3, y: 4}") == {"on": 1, "yes": 2, "no": 3, "y": 4}


@pytest.mark.parametrize(
    "text", ["010", "0o10", "yes", "on", "1:30", "1e-5", "60_000", "~", ".5", "0x1F", "<<"]
)
def test_text_is_written_so_that_it_is_read_as_text(text: str) -> None:
    written = yaml.dump({"a": text}, Dumper=Dumper)
    assert yaml.load(written, Loader=Loader) == {"a": text} == yaml.safe_load(written)


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999"])
def test_numbers_are_finite(tmp_path: Path, number: str) -> None:
    said = problems_of(tmp_path, RECIPE, f"scl.trainer.learning_rate={number}")
    assert f"at stages.scl.trainer.learning_rate: should be a finite number, not {number}" in said


@pytest.mark.parametrize("number", ["1e308", "-1e31", "1" + "0" * 400])
def test_numbers_are_not_out_of_all_bounds(tmp_path: Path, number: str) -> None:
    said = problems_of(tmp_path, RECIPE, f"scl.tokens={number}")
    assert f"at stages.scl.tokens: should be a number between -1e30 and 1e30, not {number[:60]}" in said


@pytest.mark.parametrize("kind", ["lists", "sections", "merges"])
def test_an_alias_bomb_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    for n in range(1, 30):
        many = ", ".join([f"*a{n - 1}"] * 9)
        parts = {"lists": f"[{many}]", "merges": f"{{<<: [{many}], x: 1}}"}
        parts["sections"] = "{" + ", ".join(f"k{i}: *a{n - 1}" for i in range(9)) + "}"
        lines.append(f"a{n}: &a{n} {parts[kind]}")
    started = time.monotonic()
    said = problems_of(tmp_path, "\n".join(lines) + "\n" + RECIPE)
    assert said == "r.yaml:1:1: has more than 1,000,000 values, aliases (*name) followed"
    assert time.monotonic() - started < 2


def test_an_anchor_inside_of_itself_is_named(tmp_path: Path) -> None:
    assert "an anchor that contains itself" in problems_of(tmp_path, "a: &a [*a]\n" + RECIPE)


def test_a_key_that_is_a_tag_or_a_list_is_named(tmp_path: Path) -> None:
    said = problems_of(tmp_path, "!!python/none x: 1\n[a, b]: 2\n" + RECIPE)
    assert "None" not in said and "is not text (put it in quotes)" in said


def test_names_and_seeds_have_limits(tmp_path: Path) -> None:
    said = problems_of(tmp_path, RECIPE.replace("scl:", f"{'s' * 250}:"))
    assert "a stage's name has at most 64 characters" in said
    assert "at seed: should be at most 4294967295, not 4294967296" in problems_of(
        tmp_path, RECIPE, f"seed={2**32}"
    )
    assert "at stages.scl.seeds: seeds should be at most 4294967295" in problems_of(
        tmp_path, RECIPE, f"scl.seeds=[1, {10**20}]"
    )


def test_a_file_may_end_in_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("X.YAML").write_text(RECIPE)
    assert load_recipe("X.YAML").name == "X"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("seed", "s3cr3tvalue", "at seed: should be a whole number, not ${env:SECRET}"),
        ("seed", "x" * 90, "at seed: should be a whole number, not ${env:SECRET}"),
        ("seed", "-7", "at seed: should be at least 0, not ${env:SECRET}"),
        ("answer", "s3cr3tvalue", "at answer: should be 'lines' or 'json', not ${env:SECRET}"),
        ("data.source", "s3cr3tvalue", "at data.source: there is no source ${env:SECRET}"),
        ("data.codes", "s3", "at data.codes: should be a whole number, not ${env:SECRET}"),
        ("model.name", "./s3cr3tvalue", "at model.name: there is no"),
        (
            "scl.trainer.bf16",
            "s3cr3tvalue",
            "scl.trainer.bf16: should be true or false or null, not ${env:SECRET}",
        ),
        ("name", "/s3cr3tvalue", "not ${env:SECRET}"),
    ],
)
def test_what_comes_from_the_environment_is_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, said: str
) -> None:
    monkeypatch.setenv("SECRET", value)
    found = problems_of(tmp_path, RECIPE, f"{setting}=${{env:SECRET}}")
    assert said in found and value not in found and "x" * 40 not in found


def test_the_resolved_recipe_keeps_the_names_of_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "smollm2-135m")
    monkeypatch.setenv("CODES", "37")
    text = RECIPE.replace("smollm2-135m", "${env:SECRET}").replace(
        "{source: synthetic, codes: 10}", "\n  source: synthetic\n  codes: ${env:CODES}"
    )
    (tmp_path / "r.yaml").write_text(text)
    recipe = load_recipe(tmp_path / "r.yaml", ["scl.trainer.run_name=the-${env:SECRET}"])
    assert recipe.head.model.name == "smollm2-135m"
    write_resolved(recipe, tmp_path / "resolved.yaml")
    written = (tmp_path / "resolved.yaml").read_text()
    assert not [line for line in written.splitlines() if "smollm2" in line or "37" in line]
    for name in ("${env:SECRET}", "${env:CODES}", "the-${env:SECRET}"):
        assert name in written
    again = load_recipe(tmp_path / "resolved.yaml")
    assert again.data == recipe.data and again.written == recipe.written


def test_control_characters_are_shown_escaped(tmp_path: Path) -> None:
    line = '{"id": "n\\nerror: fake:1: owned \\u001b[31m \\u202e", "codes": []}\n'
    (tmp_path / "p.jsonl").write_text(line)
    (tmp_path / "d.jsonl").write_text('{"id": "a", "text": "x", "annotations": []}\n')
    files = ["--predictions", str(tmp_path / "p.jsonl"), "--documents", str(tmp_path / "d.jsonl")]
    done = CliRunner().invoke(main, ["evaluate", *files])
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert r"there is no document 'n\nerror: fake:1: owned \x1b[31m \u202e'" in done.stderr


def test_control_characters_in_tables_and_progress_are_shown_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from scl_rl.cli.console import RunConsole
    from scl_rl.cli.tables import print_table

    print_table({"columns": ["id"], "rows": [["a\nb\x1b[1m"]]}, ["c\rd"])
    stream = io.StringIO()
    RunConsole(stream).say("e\nf")
    said = capsys.readouterr().out + stream.getvalue()
    assert all(text in said for text in (r"a\nb\x1b[1m", r"c\rd", r"e\nf"))


@pytest.mark.parametrize("order", [1, -1])
def test_a_chain_of_1500_stages_is_planned_in_whatever_order_it_is_written(
    tmp_path: Path, order: int
) -> None:
    parent = ["" if n == 0 else f", from: s{n - 1}" for n in range(1500)]
    lines = [f"  s{n}: {{kind: sft, tokens: 9000{parent[n]}}}\n" for n in range(1500)]
    (tmp_path / "r.yaml").write_text(RECIPE.partition("  scl:")[0] + "".join(lines[::order]))
    assert [stage.name for stage in load_recipe(tmp_path / "r.yaml").stages] == [f"s{n}" for n in range(1500)]


def test_many_rows_are_printed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    from scl_rl.cli.tables import print_table

    started = time.process_time()
    print_table({"columns": ["id", "f1"], "rows": [[f"stage-{n}", 0.5] for n in range(20_000)]}, ["a note"])
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 20_002 and said[1].split() == ["stage-0", "0.500"] and said[-1] == "a note"
    assert time.process_time() - started < 5
