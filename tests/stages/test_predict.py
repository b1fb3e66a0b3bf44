"""Predictions that are killed and resumed: the same file as in one go, and nothing asked twice."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

torch = pytest.importorskip("torch")

from scl_rl.corpus.jsonl import read_documents, write_jsonl  # noqa: E402
from scl_rl.corpus.types import Document  # noqa: E402
from scl_rl.modeling.decode import Decoder  # noqa: E402
from scl_rl.modeling.journal import AnswerJournal  # noqa: E402
from scl_rl.stages.predict.work import Predictor  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from tests.stages.test_training import QUICK, context, note  # noqa: E402
from tests.support import HOME  # noqa: E402
from tests.support.heard import Heard  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model that was trained for a moment, and notes of many lengths."""
    folder = tmp_path_factory.mktemp("predict")
    make_tiny_model(folder / "tiny")
    write_jsonl(folder / "documents.jsonl", [note("d0", "HTN", "I10"), note("d1", "flu", "J11")])
    write_jsonl(folder / "spans.jsonl", [])
    SftSettings(tokens=300, trainer=QUICK).run(context(folder, "sft"))
    notes = [Document(id=f"n{i}", text="Has HTN. " * (1 + i * 7 % 11)) for i in range(40)]
    write_jsonl(folder / "notes.jsonl", notes)
    return folder


def predicted(place, out, said=None, **settings):
    how = {"max_new_tokens": 12, "batch_size": 2, **settings}
    reporter = Heard([] if said is None else said)
    predictor = Predictor(place / "sft" / "model", base=place, reporter=reporter, **how)
    return predictor.write(out, read_documents(place / "notes.jsonl"))[1]


@pytest.fixture
def whole(place, tmp_path):
    """The file that is written in one go."""
    predicted(place, tmp_path / "whole.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["whole.jsonl"]
    return (tmp_path / "whole.jsonl").read_bytes()


@pytest.fixture
def asked(monkeypatch):
    """The prompts that a decoder was given."""
    seen = []
    decode = Decoder.answers

    def answers(self, requests, *args, **kwargs):
        seen.extend(request.key for request in requests)
        return decode(self, requests, *args, **kwargs)

    monkeypatch.setattr(Decoder, "answers", answers)
    return seen


def interrupt_after(monkeypatch, calls):
    """Stop at the so-manieth answer."""
    add = AnswerJournal.add

    def interrupted(self, number, answer):
        add(self, number, answer)
        if len(self.answers) == calls:
            raise KeyboardInterrupt

    monkeypatch.setattr(AnswerJournal, "add", interrupted)


def test_what_was_interrupted_ends_with_the_same_file(place, whole, tmp_path, monkeypatch, asked):
    out, said = tmp_path / "out.jsonl", []
    with monkeypatch.context() as patched:
        interrupt_after(patched, 16)  # two chunks of eight
        with pytest.raises(KeyboardInterrupt):
            predicted(place, out)
    left = tmp_path / ".out.jsonl.partial"
    assert not out.exists() and left.stat().st_mode & 0o777 == 0o600
    with left.open("a") as stream:
        stream.write('{"number": 3, "ans')  # as by a kill in the middle of a line
    first = set(asked)
    asked.clear()
    figures = predicted(place, out, said)
    assert out.read_bytes() == whole and not left.exists()
    assert figures["documents"] == 40 and "predict: resuming after 16 answers" in said
    assert len(asked) == len(set(asked)) == 24 and first.isdisjoint(asked)


@pytest.mark.parametrize(
    "changed", [{"max_new_tokens": 11}, {"batch_size": 3}, {"window": 16}], ids=lambda c: next(iter(c))
)
def test_what_is_left_of_other_work_is_not_used(place, tmp_path, monkeypatch, changed):
    out, said = tmp_path / "out.jsonl", []
    with monkeypatch.context() as patched:
        interrupt_after(patched, 8)
        with pytest.raises(KeyboardInterrupt):
            predicted(place, out)
    predicted(place, out, said, **changed)
    assert not any("resuming" in line for line in said)
    predicted(place, tmp_path / "again.jsonl", **changed)
    assert out.read_bytes() == (tmp_path / "again.jsonl").read_bytes()


@pytest.mark.parametrize(
    "spoilt", ["", "{", "[]\n", '{"key": 1}\n', '{"key": {}}\n{"number": 1}\n', "\0" * 9 + "\n"]
)
def test_a_spoilt_file_is_begun_anew(tmp_path, spoilt):
    path = tmp_path / "left"
    path.write_text(spoilt)
    journal = AnswerJournal(path, {})
    assert journal.answers == {}
    journal.add(4, "a\nß")
    journal.close()
    assert AnswerJournal(path, {}).answers == {4: "a\nß"}


def test_a_pipe_gets_predictions_and_no_file_beside_it(place, whole, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    predicted(place, pipe)
    assert reader.communicate(timeout=60)[0] == whole
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "whole.jsonl"}


SLOW = """
import sys, time
from pathlib import Path
from scl_rl.modeling.journal import AnswerJournal
from scl_rl.corpus.jsonl import read_documents
from scl_rl.stages.predict.work import Predictor

add = AnswerJournal.add

def slowly(self, number, answer):
    add(self, number, answer)
    time.sleep(0.2)

AnswerJournal.add = slowly
place = Path(sys.argv[1])
model, notes, out = place / "sft" / "model", place / "notes.jsonl", Path(sys.argv[2])
predictor = Predictor(model, base=place, max_new_tokens=12, batch_size=2)
predictor.write(out, read_documents(notes))
"""


@pytest.mark.slow
def test_what_was_killed_ends_with_the_same_file(place, whole, tmp_path):
    out = tmp_path / "out.jsonl"
    left = tmp_path / ".out.jsonl.partial"
    killed = subprocess.Popen([sys.executable, "-c", SLOW, str(place), str(out)], cwd=HOME)
    end = time.monotonic() + 300
    while not left.exists() or left.read_text().count("\n") < 12:
        assert killed.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 11 <= sum("number" in json.loads(line) for line in left.read_text().split("\n")[:-1]) < 40
    said = []
    predicted(place, out, said)
    assert out.read_bytes() == whole and any("resuming after" in line for line in said)
