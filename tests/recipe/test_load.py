"""Reading recipes: what every mistake is told like, overrides, and one stage for each parent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from scl_rl.errors import UserError
from scl_rl.recipe.load import load_recipe, shipped_recipes
from scl_rl.recipe.tree import Tree
from scl_rl.stages.shared.trl_fields import config_fields

Problems = Callable[..., list[str]]

GOOD = """\
name: toy
seed: 3
model: smollm2-135m
answer: lines
prompt: {template: "{text} =>"}
data:
  source: synthetic
  codes: 10
stages:
  sft-documents:
    kind: sft
    tokens: 9000
    trainer: {learning_rate: 1e-3}
    peft: {r: 32}
  scl: {kind: sft, tokens: 9000, mixture: {documents: 0.7, spans: 0.3}}
  scl-grpo: {kind: grpo, from: scl, max_steps: 4, rewards: [evidence, {name: evidence, weight: 0}]}
  predict: {kind: predict, from: [sft-documents, scl, scl-grpo]}
  evaluate: {kind: evaluate, from: predict}
  compare: {kind: compare, from: evaluate}
"""

# what is replaced, by what, and the line (or lines) that come out
BROKEN: list[tuple[str, str, list[str]]] = [
    (
        "codes: 10",
        "dev: 0",
        ["r.yaml:16:3: at stages.scl-grpo: the data source gives no 'dev', which this stage needs"],
    ),
    ("name: toy", "name: " + "[" * 3000, ["r.yaml:1:1: not a recipe: nested too deeply"]),
    ("seed: 3", "seed: three", ["r.yaml:2:1: at seed: should be a whole number, not 'three'"]),
    ("seed: 3", "seed: 3.5", ["r.yaml:2:1: at seed: should be a whole number, not 3.5"]),
    ("seed: 3", "seed: -1", ["r.yaml:2:1: at seed: should be at least 0, not -1"]),
    ("seed: 3", "seeds: 3", ["r.yaml:2:1: at seeds: unknown setting (did you mean 'seed'?)"]),
    ("seed: 3", "name: twice", ["r.yaml:2:1: at name: given twice, first on line 1 (remove one of them)"]),
    (
        "name: toy",
        "name: a/b",
        ["r.yaml:1:1: at name: should match the pattern ^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$, not 'a/b'"],
    ),
    ("model: smollm2-135m", "model: 5", ["r.yaml:3:1: at model: should be a section of settings, not 5"]),
    ("model: smollm2-135m\n", "", ["r.yaml:1:1: at model: missing"]),
    (
        "model: smollm2-135m",
        "model: {name: m, dtype: float64}",
        ["r.yaml:3:18: at model.dtype: should be 'float32' or 'bfloat16', not 'float64'"],
    ),
    (
        "model: smollm2-135m",
        "model: !!python/name:os.system",
        [("r.yaml:3:1: at model: the tag !!python/name:os.system is not allowed (recipes are plain YAML)")],
    ),
    (
        "model: smollm2-135m",
        "model: ${env:SCL_RL_NO_SUCH}",
        [
            (
                "r.yaml:3:1: at model: the environment variable SCL_RL_NO_SUCH is not set (set it, or give "
                "a default: ${env:SCL_RL_NO_SUCH:-...})"
            )
        ],
    ),
    ("answer: lines", "answer: xml", ["r.yaml:4:1: at answer: should be 'lines' or 'json', not 'xml'"]),
    (
        '"{text} =>"',
        "hello",
        ["r.yaml:5:10: at prompt.template: should match the pattern \\{text\\}, not 'hello'"],
    ),
    (
        '"{text} =>"',
        '"{text} =>',
        ["r.yaml:5:20: not valid YAML: while scanning a quoted scalar found unexpected end of stream"],
    ),
    ("model: smollm2-135m", "model: ./no", ["r.yaml:3:1: at model.name: there is no {base}/no"]),
    (
        "answer: lines",
        "answer: lines\n  x: 1",
        ["r.yaml:5:4: not valid YAML: mapping values are not allowed here"],
    ),
    ("answer: lines", "12: lines", ["r.yaml:4:1: at 12: the key 12 is not text (put it in quotes)"]),
    (
        "source: synthetic",
        "source: sintetic",
        ["r.yaml:7:3: at data.source: there is no source 'sintetic' (did you mean 'synthetic'?)"],
    ),
    ("  source: synthetic\n", "", ["r.yaml:6:1: at data.source: missing (one of synthetic, codiesp, files)"]),
    (
        "source: synthetic\n  codes: 10",
        "source: files\n  test: no.jsonl\n  annotated: r.yaml\n  spans: r.yaml\n  dev: r.yaml",
        ["r.yaml:8:3: at data.test: there is no {base}/no.jsonl (relative paths start at {base})"],
    ),
    ("source: synthetic\n  codes: 10", "source: files", ["r.yaml:6:1: at data.test: missing"]),
    (
        "source: synthetic\n  codes: 10",
        "source: codiesp\n  path: .",
        [
            (
                "r.yaml:8:3: at data.path: {base} has no folder train and no folder dev (relative paths "
                "start at {base})"
            )
        ],
    ),
    ("codes: 10", "code: 10", ["r.yaml:8:3: at data.code: unknown setting (did you mean 'codes'?)"]),
    (
        "    tokens: 9000\n",
        "",
        ["r.yaml:10:3: at stages.sft-documents: needs 'tokens' or 'match_compute_of'"],
    ),
    (
        "    tokens: 9000",
        "    tokens: 9000.5",
        ["r.yaml:12:5: at stages.sft-documents.tokens: should be a whole number, not 9000.5"],
    ),
    (
        "    tokens: 9000",
        "    tokens: '9000'",
        ["r.yaml:12:5: at stages.sft-documents.tokens: should be a whole number, not '9000'"],
    ),
    (
        "    tokens: 9000",
        "    tokens: 0",
        ["r.yaml:12:5: at stages.sft-documents.tokens: should be at least 1, not 0"],
    ),
    (
        "    tokens: 9000",
        "    tokens: 9000\n    tokns: 9",
        ["r.yaml:13:5: at stages.sft-documents.tokns: unknown setting (did you mean 'tokens'?)"],
    ),
    (
        "learning_rate: 1e-3",
        "learning_rte: 1e-3",
        [
            (
                "r.yaml:13:15: at stages.sft-documents.trainer.learning_rte: unknown setting (did you mean "
                "'learning_rate'?)"
            )
        ],
    ),
    (
        "learning_rate: 1e-3",
        "learning_rate: fast",
        ["r.yaml:13:15: at stages.sft-documents.trainer.learning_rate: should be a number, not 'fast'"],
    ),
    (
        "learning_rate: 1e-3",
        "output_dir: x",
        [
            (
                "r.yaml:13:15: at stages.sft-documents.trainer.output_dir: is set by the run folder (remove "
                "it here)"
            )
        ],
    ),
    (
        "peft: {r: 32}",
        "peft: {rank: 32, r: x}",
        [
            "r.yaml:14:12: at stages.sft-documents.peft.rank: unknown setting",
            "r.yaml:14:22: at stages.sft-documents.peft.r: should be a whole number, not 'x'",
        ],
    ),
    (
        "documents: 0.7, spans: 0.3",
        "documents: 0",
        [
            "r.yaml:15:3: at stages.scl: mixture: documents, spans, cite, filled, answers, synthesized "
            "can't all be 0"
        ],
    ),
    (
        "documents: 0.7",
        "documents: true",
        ["r.yaml:15:44: at stages.scl.mixture.documents: should be a number, not true"],
    ),
    (
        "kind: grpo",
        "kind: gpro",
        ["r.yaml:16:14: at stages.scl-grpo.kind: there is no kind 'gpro' (did you mean 'grpo'?)"],
    ),
    (
        "kind: grpo, from: scl",
        "kind: grpo, from: sc",
        ["r.yaml:16:26: at stages.scl-grpo.from: there is no stage 'sc' (did you mean 'scl'?)"],
    ),
    (
        "kind: grpo, from: scl",
        "kind: grpo, from: 7",
        ["r.yaml:16:26: at stages.scl-grpo.from: should be text or a list, not 7"],
    ),
    (
        "kind: grpo, from: scl",
        "kind: grpo",
        [
            (
                "r.yaml:16:3: at stages.scl-grpo.from: missing: a stage of kind grpo starts from another "
                "one (name a stage of kind sft or dpo or grpo or fill)"
            )
        ],
    ),
    (
        "[evidence, {",
        "[evidense, {",
        [
            (
                "r.yaml:16:61: at stages.scl-grpo.rewards.0: there is no reward 'evidense' (did you mean "
                "'evidence'?)"
            )
        ],
    ),
    (
        "[evidence, {",
        "['./my.py:f', {",
        ["r.yaml:16:61: at stages.scl-grpo.rewards.0: there is no file {base}/my.py"],
    ),
    (
        "weight: 0",
        "wait: 0",
        ["r.yaml:16:88: at stages.scl-grpo.rewards.1.wait: unknown setting (did you mean 'weight'?)"],
    ),
    (
        "kind: evaluate, from: predict",
        "kind: evaluate, from: scl",
        [
            "r.yaml:18:30: at stages.evaluate.from: 'scl' is of kind sft; "
            "evaluate starts from dictionary or predict"
        ],
    ),
    (
        "scl: {kind: sft,",
        "scl: {kind: sft, from: scl-grpo,",
        ["r.yaml:15:20: at stages.scl.from: goes in a circle: scl from scl-grpo from scl"],
    ),
    (
        "  compare:",
        "  Compare:",
        [
            (
                "r.yaml:19:3: at stages.Compare: a stage's name is made of a-z, 0-9, _ and -, and starts "
                "with a letter or digit"
            )
        ],
    ),
    (
        "  compare:",
        "  data:",
        [("r.yaml:19:3: at stages.data: the name 'data' is taken by the data step (choose another name)")],
    ),
    (
        "[sft-documents, scl, scl-grpo]",
        "[scl, scl]",
        ["r.yaml:17:28: at stages.predict.from: 'scl' is named 2 times"],
    ),
    ("[sft-documents, scl, scl-grpo]", "[]", ["r.yaml:17:28: at stages.predict.from: names no stage"]),
    (
        "[sft-documents, scl, scl-grpo]",
        "[scl, 5]",
        ["r.yaml:17:40: at stages.predict.from.1: should be text, not 5 (put it in quotes)"],
    ),
    (GOOD, "", ["r.yaml:1:1: the recipe is empty (start from a shipped one: scl-rl recipes)"]),
    (GOOD, "# nothing\n", ["r.yaml:1:1: the recipe is empty (start from a shipped one: scl-rl recipes)"]),
    (GOOD, "- a\n", ["r.yaml:1:1: a recipe is a section of settings, not a list"]),
    (
        GOOD,
        "a: 1\n---\nb: 2\n",
        [("r.yaml:2:1: not valid YAML: expected a single document in the stream but found another document")],
    ),
    (
        "seed: 3",
        "seed: &x [*x]",
        [
            "r.yaml:2:1: at seed: should be a whole number, not a list",
            "r.yaml:2:7: at seed.0: an anchor that contains itself",
        ],
    ),
    (GOOD, "name: x\nseed: \x07\n", ["r.yaml:2:7: not valid YAML: the character U+0007 is not allowed"]),
    (
        GOOD,
        "model: m\ndata: {source: synthetic}\nstages: {}\n",
        ["r.yaml:3:1: at stages: missing: a recipe needs at least one stage"],
    ),
]


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problems:
    """Reads r.yaml with a text and gives back the lines that are printed."""
    monkeypatch.chdir(tmp_path)

    def read(text: str, *overrides: str) -> list[str]:
        Path("r.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError) as caught:
            load_recipe("r.yaml", overrides)
        return [str(problem) for problem in caught.value.problems]

    return read


def written(folder: Path, text: str = GOOD) -> Path:
    """A recipe file."""
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("old", "new", "lines"), BROKEN, ids=[lines[0][7:60] for _, _, lines in BROKEN])
def test_broken_recipes(problems: Problems, tmp_path: Path, old: str, new: str, lines: list[str]) -> None:
    assert old in GOOD
    said = [
        line
        for line in problems(GOOD.replace(old, new, 1))
        if "at stages.evaluate.from: there is no" not in line
    ]
    wanted = [line.replace("{base}", str(tmp_path)) for line in lines]
    assert said[: len(wanted)] == wanted
    if old != GOOD:
        assert len(said) == len(wanted)


def test_every_mistake_is_reported_at_once(problems: Problems) -> None:
    text = (
        GOOD.replace("seed: 3", "sead: 3").replace("codes: 10", "codes: x").replace("from: scl,", "from: x,")
    )
    assert [line.split(":")[1] for line in problems(text)] == ["2", "8", "16"]


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"name: x\nmodel: caf\xe9\n")
    with pytest.raises(UserError, match=r"r\.yaml:2:11: not UTF-8 text \(save the file as UTF-8\)"):
        load_recipe(path)


def test_a_good_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path))
    assert (recipe.name, recipe.head.seed, recipe.head.model.name) == ("toy", 3, "smollm2-135m")
    assert recipe.base == tmp_path.resolve()
    assert recipe.written["sft-documents"].trainer == {"learning_rate": 0.001}  # type: ignore[attr-defined]


def test_a_stage_with_several_parents_becomes_one_for_each(tmp_path: Path) -> None:
    stages = {stage.name: stage.parents for stage in load_recipe(written(tmp_path)).stages}
    assert stages == {
        "sft-documents": (),
        "scl": (),
        "scl-grpo": ("scl",),
        "predict.sft-documents": ("sft-documents",),
        "predict.scl": ("scl",),
        "predict.scl-grpo": ("scl-grpo",),
        "evaluate.sft-documents": ("predict.sft-documents",),
        "evaluate.scl": ("predict.scl",),
        "evaluate.scl-grpo": ("predict.scl-grpo",),
        "compare": ("evaluate.sft-documents", "evaluate.scl", "evaluate.scl-grpo"),
    }


def test_fans_that_meet_keep_their_names_apart(tmp_path: Path) -> None:
    text = GOOD.replace(
        "  evaluate: {kind: evaluate, from: predict}",
        "  predict2: {kind: predict, from: [scl], batch_size: 4}\n"
        "  evaluate: {kind: evaluate, from: [predict, predict2]}",
    )
    names = [stage.name for stage in load_recipe(written(tmp_path, text)).stages]
    assert "evaluate.predict.scl" in names and "evaluate.predict2.scl" in names
    assert len(names) == len(set(names))


def test_stages_may_be_written_in_any_order(tmp_path: Path) -> None:
    content = yaml.safe_load(GOOD)
    content["stages"] = dict(reversed(content["stages"].items()))
    names = [
        stage.name
        for stage in load_recipe(written(tmp_path, yaml.safe_dump(content, sort_keys=False))).stages
    ]
    assert (
        names.index("scl")
        < names.index("scl-grpo")
        < names.index("predict.scl-grpo")
        < names.index("compare")
    )


def test_a_single_parent_does_not_fan_out(tmp_path: Path) -> None:
    text = GOOD.replace("[sft-documents, scl, scl-grpo]", "scl")
    names = [stage.name for stage in load_recipe(written(tmp_path, text)).stages]
    assert names[-3:] == ["predict", "evaluate", "compare"]


def test_overrides(tmp_path: Path) -> None:
    changed = [
        "scl.trainer.learning_rate=1e-5",
        "seed=7",
        "data.codes=50",
        "stages.scl.tokens=60000",
        "window.tokens=64",
        "model.dtype=float32",
        "scl-grpo.rewards.1.weight=0.5",
        "predict.from=[scl]",
        "seed=8",
    ]
    recipe = load_recipe(written(tmp_path), changed)
    scl, grpo = recipe.written["scl"].model_dump(), recipe.written["scl-grpo"].model_dump()
    assert (scl["tokens"], scl["trainer"]) == (60000, {"learning_rate": 1e-5})
    assert (recipe.head.seed, recipe.head.model.dtype, recipe.head.model.name) == (
        8,
        "float32",
        "smollm2-135m",
    )
    assert recipe.head.window is not None and recipe.head.window.tokens == 64
    assert recipe.data.model_dump()["codes"] == 50
    assert [reward["weight"] for reward in grpo["rewards"]] == [1.0, 0.5]
    assert [stage.name for stage in recipe.stages if stage.kind == "predict"] == ["predict.scl"]


def test_an_override_can_mend_a_mistake(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("seed: 3", "seed: ${env:SCL_RL_NO_SUCH}"))
    assert load_recipe(path, ["seed=1"]).head.seed == 1


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("scl.tokens=many", "at stages.scl.tokens: should be a whole number, not 'many'"),
        ("scl.tokns=5", "at stages.scl.tokns: unknown setting (did you mean 'tokens'?)"),
        ("scl.trainer.lr=5", "at stages.scl.trainer.lr: unknown setting"),
        ("sc.tokens=5", "there is no stage or setting 'sc' (did you mean 'scl'?)"),
        ("stages.sc.tokens=5", "there is no stage 'sc' (did you mean 'scl'?)"),
        ("seed.x=5", "'seed' is not a section"),
        ("predict.from.9=scl", "'stages.predict.from' is not a list that long"),
        ("seed", "should be KEY=VALUE, like scl.tokens=60000 or seed=1"),
        ("=1", "should be KEY=VALUE, like scl.tokens=60000 or seed=1"),
        ("seed=[1", "at seed: not valid YAML: while parsing a flow sequence"),
        ("seed=", "at seed: is null (set this: a whole number)"),
        ("seed=!!python/object:os.system {}", "at seed: the tag !!python/object:os.system is not allowed"),
    ],
)
def test_broken_overrides(problems: Problems, override: str, line: str) -> None:
    said = problems(GOOD, override)
    assert len(said) == 1
    assert said[0].startswith(f"--set {override}: {line}")


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MODEL", "some/model")
    monkeypatch.delenv("TOY_SEED", raising=False)
    text = GOOD.replace("smollm2-135m", "${env:TOY_MODEL}").replace("seed: 3", "seed: ${env:TOY_SEED:-11}")
    recipe = load_recipe(written(tmp_path, text))
    assert (recipe.head.model.name, recipe.head.seed) == ("some/model", 11)


def test_yaml_of_recipes() -> None:
    tree = Tree("x")
    text = "a: &a {p: 1e-5, q: 2E3, d: 2026-11-23}\nb: {<<: *a, q: -.5e1}\nc: [*a, 'x', 1.5, ~, 0x10]\n"
    tree.load(text)
    a = {"p": 1e-5, "q": 2000.0, "d": "2026-11-23"}
    assert tree.value == {"a": a, "b": a | {"q": -5.0}, "c": [a, "x", 1.5, None, 16]}
    assert tree.problems == []


def test_recipes_are_found_by_name_or_path(problems: Problems, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rr\.yaml: there is no such file \(did you mean 'r\.yaml'\?\)"):
        written(tmp_path)
        load_recipe("rr.yaml")
    with pytest.raises(UserError, match="there is no shipped recipe 'no-such-thing'"):
        load_recipe("no-such-thing")


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_load(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        recipe = load_recipe(name)
    except UserError as error:
        missing = [str(problem) for problem in error.problems if "there is no /" in str(problem)]
        assert len(missing) == len(error.problems), str(error)
        pytest.skip(f"needs data that is not here: {missing[0]}")
    assert recipe.name and recipe.stages


def test_field_names_are_those_of_the_classes() -> None:
    code = """
import dataclasses, sys
from scl_rl.stages.shared.trl_fields import config_fields
found = {which: config_fields(which) for which in ("sft", "grpo", "lora")}
assert "torch" not in sys.modules and "trl" not in sys.modules
from trl import SFTConfig, GRPOConfig
from peft import LoraConfig
for which, config in (("sft", SFTConfig), ("grpo", GRPOConfig), ("lora", LoraConfig)):
    real = {field.name for field in dataclasses.fields(config) if field.init}
    assert real <= found[which], real - found[which]
    print(which, sorted(found[which] - real))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"learning_rate", "packing"} <= config_fields("sft")


def test_loading_a_recipe_does_not_import_torch(tmp_path: Path) -> None:
    path = written(tmp_path)
    code = f"""
import sys
from scl_rl.recipe.load import load_recipe
from scl_rl.runner.folder import RunFolder
from scl_rl.runner.plan import make_plan
from pathlib import Path
make_plan(load_recipe({str(path)!r}), RunFolder(Path("nowhere")))
heavy = {{"torch", "transformers", "trl", "peft", "datasets"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("max_steps: 4", "steps: 4", "r.yaml:16:37: at stages.scl-grpo.steps: renamed to 'max_steps'"),
        (
            "mixture: {documents: 0.7, spans: 0.3}",
            "documents: 0.7, spans: 0.3",
            "r.yaml:15:34: at stages.scl.documents: renamed to 'mixture.documents'",
        ),
        (
            "max_steps: 4",
            "max_steps: 4, keep: last",
            "r.yaml:16:51: at stages.scl-grpo.keep: renamed to 'load_best_model_at_end'",
        ),
        (
            "{kind: evaluate, from: predict}",
            "{kind: evaluate, from: predict, on: test}",
            "r.yaml:18:45: at stages.evaluate.on: renamed to 'split'",
        ),
    ],
)
def test_an_old_name_says_the_new_one(problems: Problems, old: str, new: str, line: str) -> None:
    said = problems(GOOD.replace(old, new, 1))
    assert line in said
    others = [other for other in said if "renamed to" not in other]
    assert all("load_best_model_at_end" in other for other in others)
