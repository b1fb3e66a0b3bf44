"""Checkpoints: which are trusted, which are kept, and what training that went on from one ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from safetensors.numpy import load_file

from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Span
from scl_rl.stages.dpo.settings import DpoSettings
from scl_rl.stages.grpo.settings import GrpoSettings
from scl_rl.stages.pairs.settings import PairsSettings
from scl_rl.stages.sft.settings import SftSettings
from scl_rl.stages.shared.checkpoints import SIGNATURE, damage, last_checkpoint, sign
from scl_rl.stages.shared.interrupt import STOP
from tests.stages.test_training import context, note
from tests.support.heard import Heard
from tests.support.stages import result_of
from tests.support.tiny import make_tiny_model


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / "checkpoints" / f"checkpoint-{step}"
    (path / "ref").mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"o" * 5000)
    (path / "ref" / "adapter.safetensors").write_bytes(b"a" * 100)
    sign(path)
    return path


def shorten(path: Path) -> None:
    (path / "optimizer.pt").write_bytes(b"o" * 4000)


def turn_a_bit(path: Path) -> None:
    (path / "optimizer.pt").write_bytes(b"o" * 4999 + b"n")


def lose(path: Path) -> None:
    (path / "ref" / "adapter.safetensors").unlink()


def leave_half(path: Path) -> None:
    (path / SIGNATURE).unlink()


def spoil(path: Path) -> None:
    (path / SIGNATURE).write_text("{")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (shorten, "optimizer.pt is not as long as it was"),
        (turn_a_bit, "optimizer.pt is damaged"),
        (lose, "ref/adapter.safetensors is missing"),
        (leave_half, "it was not written to its end"),
        (spoil, "whole.json is damaged"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over(tmp_path, harm, told):
    said: list[str] = []
    place = context(tmp_path, "s", reporter=Heard(said))
    assert last_checkpoint(place) is None
    checkpoint(place.folder, 9)
    newest = checkpoint(place.folder, 10)
    assert damage(newest) == "" and last_checkpoint(place) == newest
    harm(newest)
    found = last_checkpoint(place)
    assert found is not None and found.name == "checkpoint-9" and not newest.exists()
    assert said[1:] == [f"s: checkpoint-10 can't be used: {told}", "s: resuming from checkpoint-9"]


TRAINER = {
    "per_device_train_batch_size": 2,
    "learning_rate": 1e-3,
    "save_steps": 1,
    "gradient_accumulation_steps": 1,
}
GRPO = {
    "num_generations": 2,
    "gradient_accumulation_steps": 1,
    "max_completion_length": 8,
    "num_iterations": 2,
}
CHECKED = {"eval_steps": 2, "eval_documents": 1, "peft": {"r": 4}}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A tiny model, a tiny corpus, an SFT stage and pairs made from it."""
    folder = tmp_path_factory.mktemp("survival")
    make_tiny_model(folder / "tiny")
    words = [("HTN", "I10"), ("flu", "J11"), ("gout", "M10.9")] * 2
    write_jsonl(folder / "documents.jsonl", [note(f"d{i}", *both) for i, both in enumerate(words)])
    write_jsonl(folder / "spans.jsonl", [Span(text="high BP", code="I10"), Span(text="flu", code="J11")])
    SftSettings(tokens=300, trainer=TRAINER).run(context(folder, "sft"))
    sft = result_of("sft", "sft", folder / "sft")
    PairsSettings(samples=0, negatives=["dropped"], balance_length=False).run(context(folder, "pairs", sft))
    (folder / "length.py").write_text("def f(completions, **_):\n    return [len(c) for c in completions]\n")
    (folder / "picky.py").write_text(
        "def f(completions, text, **_):\n"
        "    return [sum(map(ord, c)) / 1e4 * ('HTN' in t) for c, t in zip(completions, text)]\n"
    )
    return folder


def stages(place: Path):
    sft = result_of("sft", "sft", place / "sft")
    pairs = result_of("pairs", "pairs", place / "pairs", parents=(sft,))
    rewards = ["./length.py:f"]
    return {
        "sft": (SftSettings(tokens=300, trainer=TRAINER, peft={"r": 4}), sft),
        "dpo": (DpoSettings(num_train_epochs=2, trainer=TRAINER, **CHECKED), pairs),
        "grpo": (GrpoSettings(max_steps=8, rewards=rewards, trainer=TRAINER | GRPO, **CHECKED), sft),
        "grpo-dynamic": (
            GrpoSettings(
                max_steps=8,
                rewards=["./picky.py:f"],
                dynamic_sampling=2,
                trainer=TRAINER | GRPO,
                **CHECKED,
            ),
            sft,
        ),
    }


@pytest.fixture
def ask_in(monkeypatch):
    """Have the process asked to stop while a step of training is made."""
    from transformers import TrainerCallback
    from transformers.trainer_callback import CallbackHandler

    real = CallbackHandler.__init__

    def ask(step):
        class Scheduler(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if state.global_step == step - 1:
                    STOP.ask()

        def init(self, callbacks, *args):
            real(self, [*callbacks, Scheduler()], *args)

        monkeypatch.setattr(CallbackHandler, "__init__", init)

    yield ask
    STOP.asked = False


@pytest.mark.parametrize("kind", ["sft", "dpo", "grpo", "grpo-dynamic"])
def test_training_that_was_asked_to_stop_ends_as_if_it_never_had(place, kind, ask_in, monkeypatch):
    settings, parent = stages(place)[kind]
    whole = settings.run(context(place, f"{kind}-whole", parent))
    said: list[str] = []
    stopped = context(place, f"{kind}-stopped", parent, reporter=Heard(said))
    ask_in(step=3)
    with pytest.raises(KeyboardInterrupt):
        settings.run(stopped)
    monkeypatch.undo()
    STOP.asked = False
    # GRPO uses what it generated twice: between the two it can't resume from a checkpoint
    step = 4 if kind.startswith("grpo") else 3
    assert [path.name for path in (stopped.folder / "checkpoints").glob("checkpoint-*")] == [
        f"checkpoint-{step}"
    ]
    figures = settings.run(stopped)
    assert f"{kind}-stopped: resuming from checkpoint-{step}" in said
    assert figures["steps"] == whole["steps"] > step and figures["tokens"] == whole["tokens"]
    assert figures.get("resampled_groups") == whole.get("resampled_groups")
    ends = [
        load_file(place / f"{kind}-{name}/model/adapter_model.safetensors") for name in ("whole", "stopped")
    ]
    assert ends[0].keys() == ends[1].keys()
    assert all((ends[0][name] == ends[1][name]).all() for name in ends[0])


def test_a_stop_in_the_last_step_is_none(place, ask_in):
    settings, parent = stages(place)["sft"]
    ask_in(step=settings.run(context(place, "in-time", parent))["steps"])
    settings.run(context(place, "late", parent))
    assert STOP.asked is False and (place / "late/model/adapter_model.safetensors").exists()
