"""What compare rests on: intervals that hold the truth, a test that keeps its level, by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import bootstrap, permutation_test

from scl_rl.metrics.resample import (
    MacroF1,
    MicroF1,
    Ratio,
    holm,
    interval,
    macro_counts,
    randomisation_p,
    sampled,
    value,
)

CODES = 20
POPULATION = 20_000
STUDIES = 500


def population(rng, skills):
    """Two systems on the same documents, some of them hard: each finds and invents codes by its skill."""
    gold = rng.random((POPULATION, CODES)) < 0.12
    ease = rng.normal(0, 1, (POPULATION, 1)) + rng.normal(0, 0.7, (1, CODES))
    systems = []
    for skill in skills:
        found = rng.random((POPULATION, CODES)) < 1 / (1 + np.exp(-(ease + skill)))
        invented = rng.random((POPULATION, CODES)) < 0.03 * np.exp(-skill)
        tp, fp, fn = gold & found, ~gold & invented, gold & ~found
        micro = MicroF1(np.stack([tp.sum(1), fp.sum(1), fn.sum(1)], axis=1).astype(float))
        macro = MacroF1(np.hstack([2 * tp, 2 * tp + 1 * fp + fn]).astype(float))
        systems.append((micro, macro))
    return systems


@pytest.mark.parametrize("skills", [(0.0, 0.4), (0.2, 0.2)], ids=["different", "as good"])
def test_intervals_hold_the_truth_and_equals_are_rarely_called_different(skills):
    rng = np.random.default_rng(11)
    systems = population(rng, skills)
    samples = [rng.integers(0, POPULATION, 100) for _ in range(STUDIES)]
    for figure in (0, 1):
        a, b = systems[0][figure], systems[1][figure]
        truth = value(b) - value(a)
        held = called = 0
        for number, rows in enumerate(samples):
            first, second = type(a)(a.counts[rows]), type(b)(b.counts[rows])
            low, high = interval(sampled([first], 400, number), sampled([second], 400, number))
            p = randomisation_p([first], [second], 400, number)
            held += low <= truth <= high
            called += p < 0.05 and (low > 0 or high < 0)
        assert 0.93 <= held / STUDIES <= 0.97
        if skills[0] == skills[1]:
            assert called / STUDIES <= 0.06
        else:
            assert truth > 0.06 and called / STUDIES > 0.5


def rates(numbers):
    return Ratio(np.stack([numbers, np.ones(len(numbers))], axis=1))


def test_a_mean_has_the_interval_and_the_p_that_scipy_gives_it():
    rng = np.random.default_rng(3)
    a, b = rng.random(60), rng.random(60) + 0.1
    low, high = interval(sampled([rates(a)], 4000, 0), sampled([rates(b)], 4000, 0))
    theirs = bootstrap((b - a,), np.mean, n_resamples=4000, method="percentile", random_state=rng)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.015)
    p = randomisation_p([rates(a)], [rates(b)], 4000, 0)
    test = permutation_test(
        (b, a),
        lambda x, y: np.mean(x) - np.mean(y),
        permutation_type="samples",
        n_resamples=4000,
        random_state=rng,
    )
    assert p == pytest.approx(test.pvalue, abs=0.03)


def test_macro_f1_leaves_out_codes_that_do_not_occur_and_may_be_sparse():
    by_code = [{"I10": (1, 0, 0), "J45": (0, 1, 0)}, {"I10": (0, 0, 1)}, {}]
    figure = MacroF1(macro_counts(by_code, ["I10", "J45", "R50"]))
    assert value(figure) == pytest.approx((2 / 3 + 0) / 2)
    whole = MacroF1(figure.counts.toarray())
    mine, theirs = sampled([figure], 300, 1), sampled([whole], 300, 1)
    assert isinstance(figure.counts, csr_array)
    assert np.array_equal(mine.drawn, theirs.drawn) and np.array_equal(mine.without, theirs.without)
    assert mine.without == pytest.approx([0.0, 0.5, 1 / 3])
    assert value(MacroF1(macro_counts([{}, {}], []))) == 0.0


def test_draws_are_the_same_whatever_the_portions(monkeypatch):
    figure = rates(np.random.default_rng(0).random(30))
    other = rates(np.random.default_rng(1).random(30))
    before = sampled([figure], 500, 7), randomisation_p([figure], [other], 500, 7)
    monkeypatch.setattr("scl_rl.metrics.resample._AT_ONCE", 300)
    after = sampled([figure], 500, 7), randomisation_p([figure], [other], 500, 7)
    # A matrix product's last bits depend on its shape with some processors.
    assert before[0].drawn == pytest.approx(after[0].drawn, rel=1e-12)
    assert before[0].without == pytest.approx(after[0].without, rel=1e-12)
    assert before[1] == after[1]
    assert before[0].drawn != pytest.approx(sampled([figure], 500, 8).drawn, rel=1e-3)


def test_several_runs_are_averaged_and_their_spread_widens_nothing():
    rng = np.random.default_rng(5)
    base = rng.random(80)
    a, b = rates(base), rates(base + 0.2)
    apart = [rates(base + 0.1), rates(base + 0.3)]
    one = interval(sampled([a], 400, 0), sampled([b], 400, 0))
    two = interval(sampled([a], 400, 0), sampled(apart, 400, 0))
    assert two == pytest.approx(one)
    assert randomisation_p([a], apart, 400, 0) == pytest.approx(1 / 401)


def test_the_p_of_no_difference_is_one_and_none_is_zero():
    same = rates(np.arange(10) / 10)
    assert randomisation_p([same], [same], 200, 0) == 1.0
    assert interval(sampled([same], 200, 0), sampled([same], 200, 0)) == (0.0, 0.0)
    one = rates(np.array([0.3]))
    assert interval(sampled([one], 200, 0), sampled([rates(np.array([0.5]))], 200, 0)) == pytest.approx(
        (0.2, 0.2)
    )


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@settings(max_examples=60)
def test_holm_only_raises_keeps_the_order_and_lies_below_bonferroni(ps):
    corrected = holm(ps)
    for p, raised in zip(ps, corrected, strict=True):
        assert p <= raised <= min(1.0, len(ps) * p)
    for i, p in enumerate(ps):
        assert all(corrected[i] <= corrected[j] for j, q in enumerate(ps) if p < q)
