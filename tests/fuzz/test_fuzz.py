"""Hostile inputs: a fixed few here, as many as there is time for with ``make fuzz``."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .commands import COMMANDS
from .oracle import _leaked, run


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_files(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    make, examples = COMMANDS[command]
    folders = (tmp_path / str(number) for number in itertools.count())

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        folder = next(folders)
        folder.mkdir()
        run(make(data.draw), folder)

    attack()


def test_words_of_notes_are_seen_and_near_names_are_not() -> None:
    assert _leaked("error: a.csv:3: code ZQAsthma") == {"zqasthma"}
    assert _leaked("has no column code (did you mean 'zqcode'?)") == set()
    assert _leaked("has no column code (did you mean 'zqcough'?)") == {"zqcough"}
