"""Seconds of a step's parts."""

import pytest

pytest.importorskip("torch")

from scl_rl.stages.shared import step_times


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(step_times.time, "perf_counter", lambda: now[0])

    def pass_(seconds):
        now[0] += seconds

    return pass_


def test_a_part_does_not_count_the_parts_within_it(clock):
    times = step_times.StepTimes()
    for _ in range(2):
        clock(50)  # between steps, such as a dev check
        times.on_step_begin(None, None, None)
        clock(1)
        times.start("policy")
        clock(2)
        times.start("generation")
        clock(4)
        times.stop()
        clock(8)
        times.stop()
        clock(16)
        times.on_step_end(None, None, None)
    assert times.in_words() == "31.0 s per step: rest 55%, policy 32%, generation 13%"
    assert times.take() == {}


def test_seconds_are_taken_once(clock):
    times = step_times.StepTimes()
    assert times.in_words() == ""
    times.on_step_begin(None, None, None)
    times.start("policy")
    clock(1.23456)
    times.stop()
    times.on_step_end(None, None, None)
    assert times.take() == {"policy": 1.235, "rest": 0.0}
    assert times.take() == {}
    times.on_step_begin(None, None, None)
    times.start("policy")  # what is interrupted here
    times.on_step_begin(None, None, None)
    clock(2)
    times.on_step_end(None, None, None)
    assert times.take() == {"rest": 2.0}
