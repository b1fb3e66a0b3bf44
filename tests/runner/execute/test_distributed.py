"""Stages in several processes: two on CPUs learn what one does, write once, and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import pytest

from scl_rl.reporter import Quiet
from tests.support import HOME
from tests.support.heard import Heard

torch = pytest.importorskip("torch")

from scl_rl.corpus.jsonl import write_jsonl  # noqa: E402
from scl_rl.corpus.types import Annotation, Document  # noqa: E402
from scl_rl.errors import UserError, WorkError  # noqa: E402
from scl_rl.modeling.load import load_trained  # noqa: E402
from scl_rl.runner.execute.distributed import run_launched  # noqa: E402
from scl_rl.runner.execute.local import run_in_subprocess  # noqa: E402
from scl_rl.runner.folder import StageFolder  # noqa: E402
from scl_rl.stages.contract import DataFiles, StageContext, StageSettings  # noqa: E402
from scl_rl.stages.grpo.settings import GrpoSettings  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from scl_rl.stages.shared.interrupt import STOP  # noqa: E402
from scl_rl.stages.shared.launch import LaunchSettings, launch_of  # noqa: E402
from tests.stages.test_training import context as stage_context  # noqa: E402
from tests.stages.test_training import finished  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402
from tests.support.waiting import alive, until  # noqa: E402

TOKENS = 6 * 20 + 2 * 30  # of the six notes, each word standing in its note and in its answer
TWO = {"config": "cpu", "processes": 2}


class Errand(StageSettings):
    """Does what ``how`` says, in the process that it says."""

    kind: Literal["errand"] = "errand"
    how: str
    launch: LaunchSettings = LaunchSettings(config="cpu", processes=2)

    def run(self, context: StageContext) -> dict[str, Any]:
        """Work."""
        if self.how == "apart":
            return {"gpus": os.environ["CUDA_VISIBLE_DEVICES"]}
        number = int(os.environ["RANK"])
        (context.base / f"pid-{number}").write_text(str(os.getpid()))
        if number == 1 and self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        return {}


@pytest.fixture(autouse=True)
def tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HOME), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr(STOP, "asked", False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model and tiny notes."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("launch")
    make_tiny_model(folder / "tiny")
    notes = {"HTN": "I10", "flu": "J11", "gout": "M10", "fever": "R50", "asthma": "J45", "influenza": "J11"}
    write_jsonl(
        folder / "documents.jsonl",
        [
            Document(
                id=f"d-{word}",
                text=f"Has {word}.",
                annotations=[Annotation(code=code, mentions=[[(4, 4 + len(word))]])],
            )
            for word, code in notes.items()
        ],
    )
    return folder


def context(place: Path, name: str, parent: str | None = None, **changes: Any) -> StageContext:
    documents = place / "documents.jsonl"
    fields: dict[str, Any] = {
        "data": DataFiles(annotated=documents, dev=documents),
        **changes,
    }
    return stage_context(place, name, *([finished(place, parent)] if parent else []), **fields)


def launched(settings: StageSettings, where: StageContext) -> dict[str, Any]:
    launch = launch_of(settings, where.base)
    assert launch is not None
    return run_launched(settings, where, launch, where.folder / "log.txt")


def weights(folder: Path, base: Path) -> dict[str, Any]:
    return {
        name: value.detach().clone() for name, value in load_trained(folder, base).model.named_parameters()
    }


def assert_alike(one: Path, other: Path, base: Path) -> None:
    """The weights are the same up to rounding."""
    ours, theirs = weights(one, base), weights(other, base)
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-4)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


REWARD = """
def f(completions, **_):
    return [sum(map(str.isalpha, completion)) / 12 for completion in completions]
"""
FAILING = """
import os

def f(completions, **_):
    if os.environ["RANK"] == "1":
        raise ValueError("words of a note")
    return [0.0] * len(completions)
"""
GRPO: dict[str, Any] = {"max_steps": 3, "eval_steps": 3, "peft": {"r": 4}, "rewards": ["./sampled.py:f"]}
STEP = {"learning_rate": 1e-2, "num_generations": 4, "max_completion_length": 12, "beta": 0.1}


@pytest.mark.slow
def test_two_processes_learn_by_grpo_what_one_does(place: Path) -> None:
    """All rows of a step are one batch: over several, TRL takes a mean of means for the KL."""
    (place / "sampled.py").write_text(REWARD)
    how = {**STEP, "gradient_accumulation_steps": 1}
    alone = GrpoSettings(**GRPO, save_completions=True, trainer={**how, "per_device_train_batch_size": 8})
    expected = alone.run(context(place, "grpo-one"))
    together = GrpoSettings(
        **GRPO, save_completions=True, launch=TWO, trainer={**how, "per_device_train_batch_size": 4}
    )
    said: list[str] = []
    where = context(place, "grpo-two", reporter=Heard(said))
    left = StageFolder(where.folder).launch  # by an earlier try
    left.path.mkdir()
    left.stop.touch()
    figures = launched(together, where)
    assert said[0] == "grpo-two: step 0, dev joint F1 0.000 (precision 0.00, recall 0.00) on 6 documents"
    assert len(set(said)) == len(said)
    assert {file.name for file in where.folder.iterdir()} == {
        *(file.name for file in (place / "grpo-one").iterdir()),
        "log.txt",
    }
    same = ("tokens", "steps", "kept_step", "dev_joint_f1", "length", "frac_reward_zero_std", "malformed")
    for name in same:
        assert figures[name] == expected[name], name
    assert figures["frac_reward_zero_std"] != [1.0] * 3
    assert figures["reward"] == pytest.approx(expected["reward"], rel=1e-5)
    assert figures["kl"] == pytest.approx(expected["kl"], rel=1e-3, abs=1e-6)
    assert max(figures["kl"]) > 1e-4
    one, two = (lines(place / name / "completions.jsonl") for name in ("grpo-one", "grpo-two"))
    assert len(two) == 3 * 8 and [line["completion"] for line in two] == [line["completion"] for line in one]
    assert [line["group"] for line in two] == [line["group"] for line in one]
    one, two = (lines(place / name / "monitor.jsonl") for name in ("grpo-one", "grpo-two"))
    assert [line["step"] for line in two] == [line["step"] for line in one]
    assert_alike(place / "grpo-two" / "model", place / "grpo-one" / "model", place)


@pytest.mark.slow
def test_a_reward_that_fails_in_one_process_ends_the_stage(place: Path) -> None:
    (place / "sampled.py").write_text(FAILING)
    how = {**STEP, "gradient_accumulation_steps": 2, "per_device_train_batch_size": 2}
    settings = GrpoSettings(**GRPO, launch=TWO, trainer=how)
    with pytest.raises(WorkError) as failed:
        launched(settings, context(place, "grpo-fails"))
    file = place / "grpo-fails" / "failed_reward.json"
    told = str(failed.value)
    assert told.startswith("reward 'f' raised ValueError (sampled.py:6)")
    assert told.endswith(f"step 1, see {file}") and "words of a note" not in told
    report = json.loads(file.read_text())
    assert "ValueError at sampled.py:6" in report["problem"] and report["rows"][0]["row"]["text"]


@pytest.mark.slow
def test_a_mistake_and_a_death_in_one_process_are_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(WorkError, match=r"killed by SIGKILL; out of memory\?"):
        launched(Errand(how="killed", launch={**TWO, "launcher_prefix": ["env"]}), context(place, "killed"))
    with pytest.raises(UserError, match=r"launch: 2 processes for the 0 GPUs of this machine \(set 'proc"):
        launched(Errand(how="long", launch={"config": "ddp", "processes": 2}), context(place, "gpus"))
    with pytest.raises(WorkError, match=r"^accelerate launch ended with exit code 2: .*--no-such-thing"):
        settings = Errand(how="long", launch=LaunchSettings(config="cpu", args=["--no-such-thing", 1]))
        launched(settings, context(place, "argument"))
    with pytest.raises(
        UserError, match=r"launch\.launcher_prefix: can't be run: No such file or directory: nothing"
    ):
        settings = Errand(how="long", launch=LaunchSettings(config="cpu", launcher_prefix=["nothing"]))
        launched(settings, context(place, "launcher_prefix"))


@pytest.mark.parametrize(("seen", "used"), [(None, "0"), ("3,5", "3"), ("", "")])
def test_a_stage_that_is_not_launched_has_one_gpu(
    place: Path, monkeypatch: pytest.MonkeyPatch, seen: str | None, used: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    where = context(place, "apart")
    assert run_in_subprocess(Errand(how="apart"), where, where.folder / "log.txt") == {"gpus": used}


RUNNER = """
import signal, sys
from pathlib import Path
from tests.runner.execute.test_distributed import Errand, context, launched
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    launched(Errand(how="long"), context(Path(sys.argv[1]), "long"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_all_processes_end_with_their_runner(place: Path, how: signal.Signals) -> None:
    for file in place.glob("pid-*"):
        file.unlink()
    (place / "runner.py").write_text(RUNNER)
    with subprocess.Popen(
        [sys.executable, str(place / "runner.py"), str(place)], cwd=HOME, stderr=subprocess.DEVNULL
    ) as process:
        files = [place / "pid-0", place / "pid-1"]
        until(lambda: all(file.exists() and file.read_text() for file in files), 60)
        process.send_signal(how)
        process.wait(30)
    until(lambda: not any(alive(int(file.read_text())) for file in files), 20)


@pytest.mark.slow
def test_two_processes_learn_by_sft_what_one_does_even_when_interrupted(place: Path) -> None:
    """The same examples in the same batches; each process has half of every batch."""
    how = {"logging_steps": 1, "learning_rate": 1e-2, "save_steps": 1000}
    common: dict[str, Any] = {"tokens": 66 * TOKENS, "eval_steps": 100, "max_new_tokens": 8}
    alone = SftSettings(**common, trainer={**how, "per_device_train_batch_size": 4})
    expected = alone.run(context(place, "sft-one"))
    together = SftSettings(**common, launch=TWO, trainer={**how, "per_device_train_batch_size": 2})

    class Interrupting(Quiet):
        def progress(self, line: str) -> None:
            if not STOP.asked:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launched(together, context(place, "sft-two", reporter=Interrupting()))
    assert STOP.asked
    [checkpoint] = (place / "sft-two" / "checkpoints").glob("checkpoint-*")
    for name in ("whole.json", "rng_state_0.pth", "rng_state_1.pth"):
        assert (checkpoint / name).exists()
    STOP.asked = False
    said: list[str] = []
    figures = launched(together, context(place, "sft-two", reporter=Heard(said)))
    assert said[0] == f"sft-two: resuming from {checkpoint.name}"
    assert figures["steps"] == expected["steps"] == 99 and expected["loss"] < 2
    assert figures["loss"] == pytest.approx(expected["loss"], rel=1e-3)
    steps = figures.pop("loss_by_step"), expected.pop("loss_by_step")
    assert steps[0] == pytest.approx(steps[1], rel=1e-3)  # rounding grows over the steps
    assert {**figures, "loss": 0} == {**expected, "loss": 0}
    assert_alike(place / "sft-two" / "model", place / "sft-one" / "model", place)


@pytest.mark.slow
def test_training_that_diverges_ends_in_all_processes(place: Path) -> None:
    how = {"learning_rate": 1e300, "lr_scheduler_type": "constant", "warmup_steps": 0, "save_steps": 1000}
    settings = SftSettings(tokens=20 * TOKENS, launch=TWO, trainer={**how, "per_device_train_batch_size": 2})
    where = context(place, "sft-diverges")
    with pytest.raises(WorkError, match=r"^training diverged: the loss is not finite at step 2; lower"):
        launched(settings, where)
    assert not (where.folder / "model").exists()
