"""A GRPO stage on a tiny model: its figures are kept, its rewards are guarded."""

import json
import os
import shutil
import subprocess
import sys
import traceback

import pytest

from tests.support import FIXTURES
from tests.support.heard import Heard

torch = pytest.importorskip("torch")

from scl_rl.answer.settings import PromptSettings  # noqa: E402
from scl_rl.corpus.jsonl import read_documents, write_jsonl  # noqa: E402
from scl_rl.corpus.types import Annotation, Document  # noqa: E402
from scl_rl.errors import UserError, WorkError  # noqa: E402
from scl_rl.modeling.settings import ModelSettings  # noqa: E402
from scl_rl.probe.completions import notes_by_id, read_completions  # noqa: E402
from scl_rl.rewards_api.find import installed  # noqa: E402
from scl_rl.rewards_api.weighted import WeightedRewards  # noqa: E402
from scl_rl.stages.contract import DataFiles, StageContext  # noqa: E402
from scl_rl.stages.grpo.settings import GrpoSettings  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from scl_rl.stages.shared.dev_eval import DevEval  # noqa: E402
from scl_rl.stages.shared.settings import EvalSchedule  # noqa: E402
from tests.support.stages import result_of  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

FEW = {
    "per_device_train_batch_size": 4,
    "num_generations": 4,
    "gradient_accumulation_steps": 1,
    "max_completion_length": 12,
    "learning_rate": 1e-2,
    "beta": 0.1,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tiny model, a tiny corpus and an SFT stage that has looked at it."""
    torch.set_num_threads(1)  # so small a model is slower on several, above all on a busy machine
    folder = tmp_path_factory.mktemp("grpo")
    make_tiny_model(folder / "tiny")
    write_jsonl(
        folder / "documents.jsonl",
        [
            Document(
                id=f"d{i}", text=f"Has {word}.", annotations=[Annotation(code=code, mentions=[[(4, 7)]])]
            )
            for i, (word, code) in enumerate([("HTN", "I10"), ("flu", "J11")] * 3)
        ],
    )
    SftSettings(tokens=300, peft={"r": 4}, trainer={"per_device_train_batch_size": 4}).run(
        stage(folder, "sft")
    )
    return folder


def stage(place, name, said=None, parent=None):
    (place / name).mkdir()
    documents = place / "documents.jsonl"
    return StageContext(
        name=name,
        folder=place / name,
        base=place,
        seed=0,
        model=ModelSettings(name="tiny", dtype="float32"),
        prompt=PromptSettings(template="N:{text}\nC:"),
        answer="lines",
        window=None,
        data=DataFiles(annotated=documents, dev=documents),
        parents=(result_of(name=parent, kind="sft", folder=place / parent),) if parent else (),
        reporter=Heard([] if said is None else said, with_progress=True),
    )


def grpo(place, name, source, *, said=None, **settings):
    (place / f"{name}.py").write_text(source)
    wanted = {"max_steps": 2, "eval_documents": 2, "trainer": FEW, "rewards": [f"./{name}.py:f"], **settings}
    return GrpoSettings(**wanted).run(stage(place, name, said, "sft"))


@pytest.fixture
def weights(monkeypatch):
    """The sum of the trained weights at each dev check; the checks themselves cost nothing."""
    seen = []

    def score(self, step):
        trained = [p.detach() for p in self._loaded.model.parameters() if p.requires_grad]
        seen.append(sum(float(p.double().abs().sum()) for p in trained))
        self.scores[str(step)] = 0.5 - step / 10
        self._file.write_text(json.dumps(self.scores))

    monkeypatch.setattr("scl_rl.stages.shared.dev_eval.DevEval._score", score)
    return seen


TOGETHER = """
async def f(completions, scale=1.0, **_):
    return [scale * len(completion) for completion in completions]
"""


def test_every_step_is_told_and_kept_in_numbers(place):
    said = []
    own = "./together.py:f"
    rewards = [own, {"name": "evidence", "weight": 0}, {"name": own, "weight": 0.5, "args": {"scale": 2.0}}]
    figures = grpo(place, "together", TOGETHER, said=said, rewards=rewards, save_completions=True)
    assert set(figures["rewards"]) == {"f", "evidence", "f_2"}
    for both, first, second in zip(
        *[figures["reward"], *map(figures["rewards"].get, ("f", "f_2"))], strict=True
    ):
        assert second == pytest.approx(2 * first)
        assert both == pytest.approx(first + 0.5 * second)
    for name in (
        "kl",
        "length",
        "clipped_ratio",
        "malformed",
        "frac_reward_zero_std",
        "abstained",
        "reward_std",
    ):
        assert len(figures[name]) == 2 and all(isinstance(value, float) for value in figures[name]), name
    assert figures["grounded"] == [None, None]  # nothing quoted
    assert figures["abstained"] == [0.0, 0.0]

    steps = [json.loads(line) for line in (place / "together" / "monitor.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [0, 1, 2]
    assert [step["reward"] for step in steps[1:]] == figures["reward"]
    assert all(any(part.startswith("evidence/") for part in step["parts"]) for step in steps[1:])
    for step, seconds in zip(steps[1:], figures["seconds"], strict=True):
        assert step["seconds"] == seconds
        assert seconds.keys() == {"generation", "rewards", "reference", "policy", "rest"}
        assert all(value > 0 for value in seconds.values())
    assert any(line.startswith("together: ") and " s per step: " in line for line in said)
    assert steps[0] == {"step": 0, "dev_joint_f1": figures["dev_joint_f1"]["0"]}
    assert steps[2]["dev_joint_f1"] == figures["dev_joint_f1"]["2"]
    values = [
        v
        for step in steps
        for value in step.values()
        for v in (value.values() if isinstance(value, dict) else [value])
    ]
    assert all(value is None or isinstance(value, int | float) for value in values)

    kept = [json.loads(line) for line in (place / "together" / "completions.jsonl").read_text().splitlines()]
    assert [line["step"] for line in kept] == [1] * 4 + [2] * 4
    for step in (1, 2):
        mean = sum(line["reward"] for line in kept if line["step"] == step) / 4
        assert mean == pytest.approx(figures["reward"][step - 1])
        assert len({line["id"] for line in kept if line["step"] == step}) == 1
    assert {line["id"] for line in kept} < {f"d{i}#0" for i in range(6)}
    windows = read_documents(place / "together" / "windows.jsonl")
    again = read_completions(place / "together" / "completions.jsonl", windows)
    notes = notes_by_id(windows, (line.id for line in again), PromptSettings())
    bench = WeightedRewards.load([("evidence", 1.0, {})], "lines", {"base": place})
    scored_now = bench.score([notes[c.id].row(c.completion) for c in again], [c.completion for c in again])
    assert scored_now == [line["rewards"]["evidence"] for line in kept]
    (line,) = [line for line in said if line.startswith("together: 2/2, reward ")]
    assert ", dev joint F1 0." in line and " tokens/s, " in line and line.endswith(" left")
    assert figures["warnings"] == [
        line.removeprefix("together: warning: ") for line in said if "warning" in line
    ]


FAILS = """
calls = 0

def f(completions, text, **_):
    global calls
    calls += 1
    if calls == 1:
        return [0.0] * len(completions)
    {what}
"""


@pytest.mark.parametrize(
    ("name", "what", "told"),
    [
        ("nan", "return [0.0, 0.0, float('nan'), 0.0]", "row 2 (d{i}) gave nan; a reward is a finite number"),
        ("short", "return [0.0]", "gave 1 rewards for 4 rows"),
        ("raises", "raise ValueError(f'what is {text[0]}?')", "raised ValueError (raises.py:9) on row d{i}"),
    ],
)  # fmt: skip
def test_a_reward_that_fails_while_training_stops_the_run_with_its_row(place, weights, name, what, told):
    with pytest.raises(WorkError) as caught:
        grpo(place, name, FAILS.replace("{what}", what))
    report = json.loads((place / name / "failed_reward.json").read_text())
    assert report["step"] == 2 and report["reward"] == "f"
    row = report["rows"][0]["row"]
    assert row["text"] in ("Has HTN.", "Has flu.") and row["id"].startswith("d")
    assert isinstance(report["rows"][0]["completion"], str)
    assert len(report["rows"]) == (4 if name == "short" else 1)
    message = str(caught.value)
    space = ": " if name != "raises" else " "
    assert message.startswith(f"reward 'f'{space}{told.format(i=row['id'][1:])}")
    assert "; step 2, see " in message
    shown = "".join(traceback.format_exception(caught.value))
    assert row["text"] not in shown and "ValueError: what" not in shown
    if name == "raises":
        assert f"what is {row['text']}?" in report["traceback"]


def test_what_every_reward_abstains_on_moves_nothing_and_is_not_printed(place, weights, caplog):
    """In a group where two abstain and two earn the same there is nothing to prefer."""
    source = "def f(completions, **_):\n    return [1.0, None] * (len(completions) // 2)\n"
    still = {**FEW, "beta": 0.0}
    figures = grpo(place, "half", source, trainer=still, eval_steps=1)
    assert figures["abstained"] == [0.5, 0.5] and figures["reward"] == [1.0, 1.0]
    assert figures["frac_reward_zero_std"] == [1.0, 1.0]
    assert weights[0] == weights[1] == weights[2]
    silent = "def f(completions, **_):\n    return [None for _ in completions]\n"
    figures = grpo(place, "silent", silent, trainer=still, eval_steps=1)
    assert figures["reward"] == [None, None]
    assert weights[2] == weights[3] == weights[4] == weights[5]
    assert any("abstained on 100%" in warning for warning in figures["warnings"])
    assert "Has " not in caplog.text and "trl.trainer.grpo_trainer, line " in caplog.text
    grpo(place, "moves", TOGETHER, trainer=still, eval_steps=1)
    assert weights[6] != weights[7]


def test_the_warning_reaches_the_console_and_the_figures(place, weights):
    said = []
    source = (
        "def f(completions, trainer_state, **_):\n    return [trainer_state.global_step] * len(completions)\n"
    )
    figures = grpo(place, "gamed", source, said=said, eval_steps=1, max_steps=3)
    (warning,) = [w for w in figures["warnings"] if w.startswith("the reward rose from 0.00 to")]
    assert "fell from 0.50 (step 0) to 0.30 (step 2)" in warning
    assert f"gamed: warning: {warning}" in said


def test_a_stopped_run_resumes_with_its_figures_and_makes_no_line_twice(place, weights):
    source = """
from pathlib import Path

def f(completions, trainer_state, **_):
    if trainer_state.global_step == 2 and not Path({mended!r}).exists():
        raise OSError("the judge is away")
    return [len(completion) for completion in completions]
"""
    mended = place / "mended"
    (place / "stopped.py").write_text(source.replace("{mended!r}", repr(str(mended))))
    settings = GrpoSettings(
        max_steps=3,
        eval_steps=1,
        eval_documents=2,
        rewards=["./stopped.py:f"],
        save_completions=True,
        trainer={**FEW, "save_steps": 1},
    )
    said = []
    context = stage(place, "stopped", said, "sft")
    with pytest.raises(WorkError, match="raised OSError"):
        settings.run(context)
    mended.touch()
    figures = settings.run(context)
    assert "stopped: resuming from checkpoint-2" in said
    assert not (context.folder / "failed_reward.json").exists()
    steps = [json.loads(line) for line in (context.folder / "monitor.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [0, 1, 2, 3]
    assert all("dev_joint_f1" in step for step in steps)
    assert figures["reward"] == [step["reward"] for step in steps[1:]]
    kept = [json.loads(line) for line in (context.folder / "completions.jsonl").read_text().splitlines()]
    assert [line["step"] for line in kept] == [1] * 4 + [2] * 4 + [3] * 4


PICKY = """
def f(completions, text, trainer_state, log_metric, **_):
    log_metric("calls", 1.0)
    return [sum(map(ord, c)) / 1e4 * ("HTN" in t) for c, t in zip(completions, text)]
"""


def test_groups_without_spread_make_way_for_other_prompts(place, weights):
    given = {"max_steps": 4, "save_completions": True}
    plain = grpo(place, "plain", PICKY, **given)
    figures = grpo(place, "picky", PICKY, dynamic_sampling=3, **given)
    assert 1.0 in plain["frac_reward_zero_std"] and plain["resampled_groups"] == [None] * 4
    # of six notes three are about HTN: one of any four that differ is
    assert figures["frac_reward_zero_std"] == [0.0] * 4
    assert sum(figures["resampled_groups"]) > 0
    kept = [json.loads(line) for line in (place / "picky/completions.jsonl").read_text().splitlines()]
    assert {line["id"] for line in kept} <= {"d0#0", "d2#0", "d4#0"} and len(kept) == 16
    assert all(line["reward"] == pytest.approx(sum(map(ord, line["completion"])) / 1e4) for line in kept)
    # what was sampled in vain was seen, too
    assert figures["tokens"] > plain["tokens"]
    assert min(line["seconds"]["generation"] for line in monitored(place, "picky")) > 0


def monitored(place, name):
    lines = (place / name / "monitor.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "reward" in line]


def test_what_nothing_can_replace_stays(place, weights):
    source = "def f(completions, **_):\n    return [1.0 for _ in completions]\n"
    figures = grpo(place, "level", source, dynamic_sampling=50)
    assert figures["frac_reward_zero_std"] == [1.0, 1.0] and figures["resampled_groups"] == [5.0, 5.0]


def test_a_reward_that_fails_on_a_new_group_stops_the_run_with_its_row(place, weights):
    source = """
def f(completions, text, **_):
    if any("HTN" in t for t in text):
        raise OSError("no judge")
    return [0.0 for _ in completions]
"""
    with pytest.raises(WorkError, match="reward 'f' raised OSError"):
        grpo(place, "no-judge", source, dynamic_sampling=5)
    assert "HTN" in json.loads((place / "no-judge/failed_reward.json").read_text())["rows"][0]["row"]["text"]


def test_only_our_own_answers_can_be_resampled(place):
    trainer = {**FEW, "repetition_penalty": 1.1}
    with pytest.raises(UserError, match="dynamic_sampling needs answers that scl-rl samples itself"):
        grpo(place, "penalty", PICKY, dynamic_sampling=1, trainer=trainer)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The folder into which the plugin package of tests/fixtures was installed."""
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("plugin") / "source"
    shutil.copytree(FIXTURES / "reward_plugin", source)
    target = source.parent / "installed"
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(source)]
    subprocess.run(pip, check=True)
    return target


RECIPE = """
name: with-a-plugin
model: nothing-to-load
data: {source: synthetic}
stages:
  sft: {kind: sft, tokens: 100}
  grpo:
    kind: grpo
    from: sft
    max_steps: 1
    rewards: [{name: brief, args: {most: 9}}, opinion]
"""


def plan(folder, recipe, path):
    (folder / "r.yaml").write_text(recipe)
    main = "from scl_rl.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", main, "plan", "r.yaml", "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plugin_package_is_found_by_its_entry_points_once_it_is_installed(tmp_path, plugin):
    done = plan(tmp_path, RECIPE, plugin)
    assert done.returncode == 0, done.stderr
    assert [stage["name"] for stage in json.loads(done.stdout)["stages"]] == ["data", "sft", "grpo"]
    wrong = RECIPE.replace("most: 9", "mots: 9").replace("opinion", "opinoin")
    done = plan(tmp_path, wrong, plugin)
    assert done.returncode == 2
    where = "error: r.yaml:11"
    assert done.stderr.splitlines() == [
        f"{where}:36: at stages.grpo.rewards.0.args.mots: takes no argument 'mots' (did you mean 'most'?)",
        f"{where}:47: at stages.grpo.rewards.1: there is no reward 'opinoin' (did you mean 'opinion'?)",
    ]
    assert plan(tmp_path, RECIPE, tmp_path).returncode == 2  # not installed, not found


def test_a_plugin_package_is_trained_with(place, plugin, weights, monkeypatch):
    monkeypatch.syspath_prepend(plugin)
    installed.cache_clear()
    try:
        rewards = [{"name": "brief", "args": {"most": 9}}, {"name": "opinion", "weight": 0.5}]
        figures = grpo(place, "plugin", "", rewards=rewards)
    finally:
        installed.cache_clear()
    assert set(figures["rewards"]) == {"brief", "opinion"}
    assert all(0 < reward <= 1.5 for reward in figures["reward"])


@pytest.mark.parametrize(
    ("min_improvement", "scores", "kept"),
    [
        (0.0, {"0": 0.40, "2": 0.41, "4": 0.41}, 2),
        (0.0, {"0": 0.40, "2": 0.40}, 0),
        (0.0, {"0": 0.40, "2": 0.30}, 0),
        (0.02, {"0": 0.40, "2": 0.41, "4": 0.43}, 4),
        (0.02, {"0": 0.40, "2": 0.41}, 0),
    ],
)
def test_a_checkpoint_is_kept_for_a_gain_and_not_for_noise(min_improvement, scores, kept):
    checks = object.__new__(DevEval)
    checks.scores, checks._schedule = scores, EvalSchedule(2, 2, 8, keep="best", min_gain=min_improvement)
    assert checks.best_step == kept
    checks._schedule = EvalSchedule(2, 2, 8, keep="last")
    assert checks.best_step == max(map(int, scores))
