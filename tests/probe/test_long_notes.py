"""Long notes with many codes: bounded memory and time."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document
from scl_rl.corpus.windows import sentences
from scl_rl.probe import notes as probe_notes
from scl_rl.probe.attack import MAX_QUOTED
from scl_rl.probe.attacks import ATTACKS
from scl_rl.probe.bench import Bench
from scl_rl.probe.notes import MAX_BATCH, Notes, batches
from scl_rl.rewards_api.weighted import WeightedReward, WeightedRewards
from scl_rl.scoring.elsewhere import speaks_of_another

LIMIT = 450_000_000  # bytes; half of them are Python and the ICD-10-CM tables
# What a process took counts for what it becomes, so the one that is measured comes of a small one.
MEASURED = """
import resource, subprocess, sys
command = [sys.executable, "-c", "from scl_rl.cli.main import main; main()", *sys.argv[1:]]
subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
BY_NAME = {attack.name: attack for attack in ATTACKS}


def long_note(characters: int, codes: int) -> Document:
    """Sentences of made-up words; each code has one word as its evidence."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghij", k=rng.randint(3, 9))) for _ in range(3000)]
    text = ""
    while len(text) < characters:
        text += " ".join(rng.choices(words, k=12)).capitalize() + ". "
    annotations = []
    for number in range(codes):
        start = text.index(" ", rng.randrange(len(text) - 200)) + 1
        mention = [(start, text.index(" ", start + 3))]
        annotations.append(
            Annotation(code=f"{chr(65 + number // 100)}{number % 100:02d}.1", mentions=[mention])
        )
    return Document(id="long", text=text, annotations=annotations)


def test_a_long_note_with_many_codes_takes_little_memory(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "d.jsonl", [long_note(200_000, 100)])
    command = ["reward", "probe", "evidence", "--documents", "d.jsonl"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) * (1 if sys.platform == "darwin" else 1024) < LIMIT


def test_no_attack_quotes_more_than_a_megabyte_or_one_note() -> None:
    notes = Notes.of([long_note(300_000, 12)], "{text}")
    for name in ("every sentence as a quote", "the whole note as the quote", "frequent codes, whole note"):
        completion = BY_NAME[name].completion(notes.notes[0], notes, 0)
        assert completion is not None
        assert len(completion.text) < 1.5 * MAX_QUOTED, name
    cited = BY_NAME["every sentence as a quote"].completion(notes.notes[0], notes, 0)
    assert cited is not None and 0 < cited.share < 1  # the lines after them are gold's


def test_completions_are_made_and_scored_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes.of([long_note(1_000, 2).model_copy(update={"id": str(i)}) for i in range(130)], "{text}")
    note = notes.notes[0]
    assert [len(batch) for batch in batches((note, "x") for _ in range(130))] == [MAX_BATCH, MAX_BATCH, 2]
    monkeypatch.setattr(probe_notes, "MAX_CHARACTERS", 10)
    lengths = (99, 4, 6, 1)
    assert [len(batch) for batch in batches((note, "x" * length) for length in lengths)] == [1, 2, 1]

    waiting: list[int] = []

    def made(note: object, notes: object, rng: object) -> str:
        waiting.append(1)
        return "c" * 8

    def reward(completions: list[str], completion_ids: list[bytes], **_: object) -> list[float]:
        assert len(waiting) <= 2  # no more than the batch and the one that begins the next
        assert [bytes(ids) for ids in completion_ids] == [text.encode() for text in completions]
        waiting.clear()
        return [0.0] * len(completions)

    bench = Bench(WeightedRewards((WeightedReward("r", reward),)), notes)
    attack = BY_NAME["prose"].__class__("mine", "nothing", made)  # type: ignore[arg-type]
    (finding,) = bench.attacks([attack])
    assert finding.documents == 130 and finding.example == "c" * 8


def test_an_error_counts_the_documents_tried() -> None:
    def reward(completions: list[str], **_: object) -> list[float]:
        raise ValueError

    notes = Notes.of([long_note(1_000, 2)], "{text}")
    (finding,) = Bench(WeightedRewards((WeightedReward("r", reward),)), notes).attacks([BY_NAME["empty"]])
    assert (finding.verdict, finding.documents) == ("ERROR", 1)
    assert "ValueError" in str(finding.error)


def test_who_a_sentence_speaks_of_is_found_in_the_sentence_alone() -> None:
    text = "Mother had asthma. He has asthma. No cough.\nNo.\n\n"
    found = sentences(text)
    for place in range(len(text)):
        by_hand = [text[s:place] + " " + text[place + 1 : e] for s, e in found if s <= place < e]
        expected = any("Mother" in part or "No" in part for part in by_hand)
        assert speaks_of_another(text, (place, place + 1)) == expected, place
    assert not speaks_of_another(text, (len(text), len(text)))
    assert not speaks_of_another("", (0, 0))
