"""``scl-rl reward``: what is printed, and the exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.cli.reward_options import parse_arguments

NOTE = "Mother had asthma. He has asthma and HTN; no fever."
GOLD = '"asthma"#2 => J45.909\n"HTN" => I10'
DOCUMENTS = [
    {
        "id": "n1",
        "text": NOTE,
        "annotations": [
            {"code": "J45.909", "mentions": [[[26, 32]]]},
            {"code": "I10", "mentions": [[[37, 40]]]},
        ],
    },
    {"id": "n2", "text": "Has gout.", "annotations": [{"code": "M10.9", "mentions": [[[4, 8]]]}]},
    {"id": "n3", "text": "Unlabelled."},
]
OWN = """
def flat(completions, value=0.5, **_):
    return [value] * len(completions)

def exact(completions, text, annotations, **_):
    from scl_rl.answer import parse
    from scl_rl.corpus.types import Annotation
    from scl_rl.scoring import GoldDocument
    scores = []
    for c, t, a in zip(completions, text, annotations):
        gold = GoldDocument(t, [Annotation.model_validate(x) for x in a])
        said = sorted((line.code, [gold.locate(m) for m in line.mentions]) for line in parse(c).lines)
        best = sorted((x.code, [gold.locate(m) for m in x.mentions]) for x in gold.gold_answer().lines)
        scores.append(float(said == best and not parse(c).malformed))
    return scores

def broken(completions, **_):
    raise KeyError("nothing")

async def length(completions, **_):
    return [-float(len(c)) for c in completions]
"""


def lines(path, records):
    Path(path).write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture(autouse=True)
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines("d.jsonl", DOCUMENTS)
    Path("own.py").write_text(OWN)


MAIN = "from scl_rl.cli.main import main; main()"
LOUD = """
import logging, os, sys, warnings
logging.basicConfig(stream=sys.stderr)
def f(completions, **_):
    print("heard printed")
    warnings.warn("heard warned")
    logging.error("heard logged")
    os.system("echo heard echoed")
    sys.__stdout__.write("heard written")
    return [0.5] * len(completions)
"""


def call(*arguments):
    return CliRunner().invoke(main, ["reward", *arguments])


def probe(*arguments):
    return call("probe", "--documents", "d.jsonl", *arguments)


def test_probe_tells_pays_from_passes():
    done = probe("./own.py:exact")
    assert done.exit_code == 0, done.output
    assert done.stdout.rstrip().endswith(
        "./own.py:exact on 2 documents (1 without annotated evidence left out): no attack is paid like gold"
    )
    assert "gold minus a line" in done.stdout and "0.00 to 0.10" in done.stdout
    done = probe("./own.py:flat", "--arg", "value=0.25")
    assert done.exit_code == 1
    assert "none PAYS: a model would learn to say 'none' of every note." in done.stdout
    assert done.stdout.rstrip().endswith("FAILED")
    assert NOTE[:18] not in done.output


def test_probe_json_and_page():
    done = probe("./own.py:flat*2", "--json", "--html", "p.html", "--limit", "1", "--margin", "0")
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["passed"], shown["documents"]) == (1, False, 1)
    assert shown["rewards"] == [{"name": "./own.py:flat", "weight": 2.0, "args": {}}]
    gold = shown["attacks"][0]
    assert {k: gold[k] for k in ("name", "kind", "documents", "mean", "gold", "gap", "verdict", "error")} == {
        "name": "gold",
        "kind": "control",
        "documents": 1,
        "mean": 1.0,
        "gold": 1.0,
        "gap": 0.0,
        "verdict": "ok",
        "error": None,
    }
    assert set(gold) == {
        *("name", "kind", "teaches", "documents", "mean", "gold", "gap", "margin", "reached"),
        *("verdict", "seconds", "error"),
    }
    assert set(shown) == {
        *("rewards", "answer", "documents", "left_out", "margin", "seed"),
        *("attacks", "steps", "groups", "passed"),
    }
    assert len(shown["groups"]["counts"]) == 10 and len(shown["groups"]["edges"]) == 11
    assert NOTE[:18] not in done.stdout and NOTE[:18] not in Path("p.html").read_text()
    done = probe("./own.py:flat", "--json", "--html", "p.html", "--show-notes")
    assert json.loads(done.stdout)["attacks"][0]["example"] == GOLD
    assert NOTE[:18] in Path("p.html").read_text()


def test_probe_reports_a_reward_that_fails():
    done = probe("./own.py:broken")
    assert done.exit_code == 1 and "Traceback" not in done.output
    line = OWN.split("\n").index('    raise KeyError("nothing")') + 1
    told = f"prose: reward './own.py:broken': row 0 (n1): KeyError at own.py:{line}"
    assert f"{told} (its message may quote a note: set SCL_RL_SHOW_REWARD_OUTPUT=1 to see it)" in done.stdout
    assert f"{told}: 'nothing'" in probe("./own.py:broken", "--show-reward-output").stdout


def test_probe_a_stage_of_a_recipe():
    rewards = [{"name": "./own.py:exact", "weight": 2}, {"name": "./own.py:flat", "weight": 0}]
    recipe = {
        "model": "tiny",
        "answer": "json",
        "data": {"source": "synthetic", "documents": 4, "spans": 4, "code_only": 0, "dev": 2, "test": 2},
        "stages": {
            "sft": {"kind": "sft", "tokens": 9},
            "rl": {"kind": "grpo", "from": "sft", "max_steps": 1, "rewards": rewards},
        },
    }
    Path("r.yaml").write_text(yaml.safe_dump(recipe))
    shown = json.loads(probe("--recipe", "r.yaml", "--json").stdout)
    assert shown["rewards"] == [{"name": "./own.py:exact", "weight": 2.0, "args": {}}]
    assert shown["answer"] == "json"
    done = probe("--recipe", "r.yaml", "--stage", "sft")
    assert done.exit_code == 2
    assert done.stderr == "error: r.yaml: there is no stage 'sft' with rewards (those with rewards: rl)\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name a reward, or a recipe with --recipe"),
        (("evidence", "--recipe", "x"), "a reward or a recipe, not both"),
        (("evidence", "--stage", "x"), "--stage goes with --recipe"),
        (("evidense",), "there is no reward 'evidense'"),
        (("evidence*much",), "reward 'evidence*much': 'much' is not a weight (like evidence*0.5)"),
        (("evidence*nan",), "'nan' is not a weight"),
        (("evidence*0",), "no reward has a weight other than 0"),
        (("evidence", "--arg", "beta"), "--arg beta: should be KEY=VALUE, like beta=2 or soft=false"),
        (("evidence", "--arg", "bta=2"), "did you mean 'beta'?"),
        (("evidence", "./own.py:flat", "--arg", "beta=2"), "--arg: goes with a single reward"),
    ],
)
def test_probe_mistakes(arguments, told):
    done = probe(*arguments)
    assert done.exit_code == 2 and told in done.stderr, done.output
    assert "Traceback" not in done.output


def score(completions, *arguments, reward="evidence"):
    lines("c.jsonl", completions)
    return call("score", "--reward", reward, "--documents", "d.jsonl", "--completions", "c.jsonl", *arguments)


COMPLETIONS = [
    {"id": "n2", "completion": '"gout" => M10.9'},
    {"id": "n1", "completion": GOLD},
    {"id": "n1", "completion": '"HTN" => I10', "more": 1},
    {"id": "n3", "completion": "none"},
]


def test_score_in_order_with_its_breakdown():
    done = score(COMPLETIONS, "--json")
    assert done.exit_code == 0, done.output
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["id"], r["score"]) for r in shown] == [
        ("n2", 1.0),
        ("n1", 1.0),
        ("n1", pytest.approx(2 / 3)),
        ("n3", None),
    ]
    assert shown[3]["breakdown"] is None and shown[0]["breakdown"]
    table = score(COMPLETIONS).stdout
    assert "n2" in table and table.rstrip().endswith("4 completions, 1 without a score; mean score 0.889")


def test_score_shows_quotes_only_if_asked_to():
    said = [{"id": "n1", "completion": '"HTN" => I10\n"secret words" => R05.9'}]
    plain, shown = score(said, "--json"), score(said, "--json", "--show-notes")
    assert "HTN" not in plain.output and "secret" not in plain.output
    codes = json.loads(shown.stdout)["breakdown"]["codes"]
    assert [mention["quotes"] for code in codes for mention in code["mentions"]] == [
        ["HTN"],
        ["secret words"],
    ]
    assert "secret" not in score(said, "--show-notes").stdout  # the table has counts


def test_arguments_are_read_as_in_a_recipe_and_shown_at_a_bounded_length():
    assert parse_arguments(["a=010", "b=on", "c=1:30"]) == {"a": 10, "b": "on", "c": "1:30"}
    for value in ("9" * 5000, "9" * 4000, "[" * 5000, "!!python/object:os.system"):
        done = score(COMPLETIONS, "--arg", f"beta={value}")
        assert done.exit_code == 2 and "error: " in done.stderr and len(done.stderr) < 800, done.output


def test_score_a_sum_shows_its_parts():
    done = score(COMPLETIONS[:1], "--json", "--reward", "./own.py:length*0.1")
    assert json.loads(done.stdout)["parts"] == {"evidence": 1.0, "./own.py:length": -15.0}
    assert json.loads(done.stdout)["score"] == pytest.approx(-0.5)


def test_score_tells_all_mistakes_with_their_lines():
    Path("c.jsonl").write_text(
        '{"id": "n1"}\n{"id": "n10", "completion": ""}\n{\n{"id": 1, "completion": "x"}\n'
    )
    done = call("score", "--reward", "evidence", "--documents", "d.jsonl", "--completions", "c.jsonl")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: c.jsonl:1: 'completion' is missing",
        "error: c.jsonl:2: there is no document 'n10' in d.jsonl (did you mean 'n1'?)",
        "error: c.jsonl:3: not JSON: Expecting property name enclosed in double quotes at column 2",
        "error: c.jsonl:4: 'id': input should be a valid string",
    ]
    done = score(COMPLETIONS, reward="./own.py:broken")
    assert done.exit_code == 2 and "row 0 (n2): KeyError" in done.stderr


def apart(*arguments):
    """The command in a process of its own."""
    Path("c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in COMPLETIONS))
    command = [
        sys.executable,
        "-c",
        MAIN,
        "reward",
        "score",
        "--documents",
        "d.jsonl",
        "--completions",
        "c.jsonl",
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)", "raise GeneratorExit"])
def test_a_reward_that_leaves_is_a_mistake_in_one_line(leave):
    Path("leaving.py").write_text(f"import os, sys\ndef f(completions, **_):\n    {leave}\n")
    done = apart("--reward", "./leaving.py:f")
    assert (done.returncode, done.stdout) == (2, "")
    raised = "GeneratorExit" if "Generator" in leave else "SystemExit"
    assert done.stderr.startswith(f"error: reward './leaving.py:f': row 0 (n2): {raised} at leaving.py:3")
    assert done.stderr.count("\n") == 1


def test_what_a_reward_prints_is_dropped_unless_asked_for():
    Path("loud.py").write_text(LOUD)
    done = apart("--reward", "./loud.py:f", "--json")
    assert "heard" not in done.stdout + done.stderr
    assert [json.loads(line)["score"] for line in done.stdout.splitlines()] == [0.5] * len(COMPLETIONS)
    done = apart("--reward", "./loud.py:f", "--json", "--show-reward-output")
    for way in ("printed", "warned", "logged", "echoed", "written"):
        assert f"heard {way}" in done.stdout + done.stderr


def rescore(*arguments):
    return call("rescore", "--reward", "evidence", *arguments)


LOGGED = [
    {"step": 1, "group": 0, "id": "n1", "completion": GOLD, "reward": 0.0},
    {"step": 1, "group": 0, "id": "n1", "completion": '"HTN" => I10', "reward": 0.5},
    {"step": 1, "group": 0, "id": "n1", "completion": "none", "reward": 1.0},
    {"step": 1, "group": 1, "id": "n2", "completion": '"gout" => M10.9', "reward": 1.0},
    {"step": 1, "group": 1, "id": "n2", "completion": "none", "reward": 1.0},
]
EXPECTED = {
    "completions": 5,
    "groups": 2,
    "compared": 2,
    "old_mean": 0.7,
    "new_mean": pytest.approx((1 + 2 / 3 + 1) / 5),
    "old_no_spread": 0.5,
    "new_no_spread": 0.0,
    "kendall_tau": -1.0,
    "best_changes": 0.5,
}


def test_rescore_completions():
    lines("c.jsonl", LOGGED)
    done = rescore("--completions", "c.jsonl", "--documents", "d.jsonl", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert {key: shown[key] for key in EXPECTED} == EXPECTED
    assert [(m["number"], m["old_rank"], m["new_rank"]) for m in shown["moved"]] == [
        (0, 3.0, 1.0),
        (2, 1.0, 3.0),
        (3, 1.5, 1.0),
        (4, 1.5, 2.0),
    ]
    assert "HTN" not in done.stdout
    table = rescore("--completions", "c.jsonl", "--documents", "d.jsonl", "--show-notes").stdout
    assert "Kendall's tau between old and new within a group: -1.000" in table and GOLD in table


def test_rescore_without_rewards_groups_by_id():
    lines("c.jsonl", [{"id": line["id"], "completion": line["completion"]} for line in LOGGED])
    shown = json.loads(rescore("--completions", "c.jsonl", "--documents", "d.jsonl", "--json").stdout)
    assert (shown["groups"], shown["compared"], shown["old_mean"], shown["kendall_tau"]) == (2, 0, None, None)
    assert shown["new_no_spread"] == 0.0 and shown["moved"] == []


def test_rescore_a_run():
    stage = Path("runs/r/stages/rl")
    stage.mkdir(parents=True)
    done = rescore("--run", "runs/r")
    assert done.exit_code == 2
    assert done.stderr == (
        "error: runs/r: no stage kept its completions (set save_completions: true on the stage)\n"
    )
    lines(stage / "completions.jsonl", LOGGED)
    lines(stage / "windows.jsonl", DOCUMENTS[:2])
    Path("runs/r/recipe.resolved.yaml").write_text(
        "answer: lines\nprompt: {template: '{text}', chat: true}\n"
    )
    shown = json.loads(rescore("--run", "runs/r", "--stage", "rl", "--json").stdout)
    assert {key: shown[key] for key in EXPECTED} == EXPECTED
    assert rescore("--run", "runs/r", "--stage", "sft").exit_code == 2
    assert rescore("--documents", "d.jsonl").exit_code == 2


def test_the_bench_needs_no_torch():
    code = (
        "import sys; from scl_rl.cli.main import main\n"
        "try: main(['reward', 'probe', './own.py:exact', '--documents', 'd.jsonl', '--html', 'p.html'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'transformers', 'trl'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
