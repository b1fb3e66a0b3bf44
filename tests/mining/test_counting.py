"""Runs of words, their counts, and the strength of an association."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from scl_rl.mining.association import log_likelihood_ratio, smoothed_share
from scl_rl.mining.counting import NoteIndex, RunCounts
from scl_rl.mining.runs import word_runs
from scl_rl.scoring.locate import fold

TEXTS = st.text(alphabet="abAB .,\nñß😀́", max_size=40)


def plain_runs(text: str, most: int) -> list[tuple[tuple[str, ...], int, int]]:
    """The same without numpy: words, start, end."""
    found = []
    for clause in re.finditer(r"[^.,;:!?()\[\]¿¡\n\r]+", text):
        words = [m.span() for m in re.finditer(r"\w+", text[clause.start() : clause.end()])]
        for first in range(len(words)):
            for last in range(first, min(len(words), first + most)):
                start, end = clause.start() + words[first][0], clause.start() + words[last][1]
                spoken = tuple(fold(text[clause.start() + s : clause.start() + e]) for s, e in words)
                found.append((spoken[first : last + 1], start, end))
    return found


@given(TEXTS, st.integers(1, 4))
def test_runs_are_those_of_the_clauses_and_keys_are_their_words(text, most):
    runs, expected = word_runs(text, most), plain_runs(text, most)
    places = list(zip(runs.starts.tolist(), runs.ends.tolist(), runs.words.tolist(), strict=True))
    assert sorted(places) == sorted((s, e, len(words)) for words, s, e in expected)
    spoken = {(s, e): words for words, s, e in expected}
    words_of = {}
    for key, (start, end, _) in zip(runs.keys.tolist(), places, strict=True):
        assert words_of.setdefault(key, spoken[start, end]) == spoken[start, end]
    assert len(words_of) == len({words for words, _, _ in expected})


def test_keys_are_the_same_in_every_process():
    chest, pain, both = word_runs("Chest pain", 2).keys.tolist()
    assert (chest, pain, both) == (10943390941319937336, 1558163764587191875, 18127126061553091547)
    assert both in word_runs("no, CHEST	PAIN", 2).keys.tolist()


@given(st.lists(TEXTS, max_size=6), st.integers(1, 3))
def test_counts_are_of_notes_and_rare_runs_have_no_number(texts, least):
    counts = RunCounts(texts, 3, least, sum(map(len, texts)))
    plain = [plain_runs(text, 3) for text in texts]
    frequency = Counter(words for runs in plain for words in {words for words, _, _ in runs})
    with NoteIndex() as index:
        for number, text in enumerate(texts):
            runs = counts.of_text(text)
            counts.frequency[runs] += 1
            index.add(runs, {"A"} if number % 2 else {"A", "B"})
        by_code = {code: (notes, dict(zip(r, b, strict=True))) for code, notes, r, b in index.by_code()}
    assert counts.notes == len(texts)
    for text in texts:
        numbers = counts.numbers(word_runs(text, 3).keys)
        spoken = {(s, e): words for words, s, e in plain_runs(text, 3)}
        runs = word_runs(text, 3)
        for number, start, end in zip(numbers, runs.starts, runs.ends, strict=True):
            times = frequency[spoken[start, end]]
            assert (number >= 0) == (times >= least)
            if number >= 0:
                assert counts.frequency[number] == times == by_code["A"][1][number]
    if any(frequency[words] >= least for words in frequency):
        assert by_code["A"][0] == len(texts) and by_code["B"][0] == (len(texts) + 1) // 2


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_the_ratio_is_the_g_test_where_there_is_more_than_chance(both, first, second, neither):
    notes = both + first + second + neither
    ratio = float(log_likelihood_ratio(both, both + first, both + second, notes))
    g, *_ = chi2_contingency([[both, first], [second, neither]], correction=False, lambda_="log-likelihood")
    assert ratio == pytest.approx(g if both * neither > first * second else 0, abs=1e-6)


def test_the_ratio_takes_counts_of_nought():
    assert float(log_likelihood_ratio(2, 2, 2, 10)) == pytest.approx(2 * 10 * 0.5004024)
    assert log_likelihood_ratio([0, 3], [3, 3], [4, 10], 10).tolist() == [0, 0]


def test_few_notes_say_less_than_many():
    few, many = smoothed_share([2, 200], [2, 200], 10, 1000, 5)
    assert 10 / 1000 < few < many < 1
    assert smoothed_share(0, 0, 10, 1000, 5) == pytest.approx(10 / 1000)
    assert np.all(np.diff(smoothed_share(np.arange(5), 8, 10, 1000, 5)) > 0)
