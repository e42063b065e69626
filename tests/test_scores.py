import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from optax_lab.studies import scores

samples = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=2, max_size=20)


def test_the_interval_of_a_known_sample_is_the_textbooks():
    # n = 4, mean 2.5, s = 1.29099, t(.975, 3) = 3.18245: half a width of 2.05426
    mean, low, high = scores.mean_interval([1.0, 2.0, 3.0, 4.0])
    assert (mean, low, high) == pytest.approx((2.5, 0.44574, 4.55426), abs=1e-5)


@given(samples)
def test_a_paired_difference_is_separable_as_the_t_test_says(a):
    a = np.array(a)
    b = a + np.linspace(0.0, 1.0, len(a)) - 0.3
    difference = scores.paired_difference(a, b)
    p = stats.ttest_rel(a, b).pvalue
    assert difference.separable == bool(p < 0.05)
    assert difference.low <= difference.mean <= difference.high


@given(samples)
def test_identical_runs_differ_by_nothing_and_are_not_separable(a):
    assert scores.paired_difference(a, a) == (0, 0, 0, False)


def test_one_run_has_a_mean_and_no_interval():
    mean, low, high = scores.mean_interval([3.0])
    assert mean == 3 and np.isnan(low) and np.isnan(high)
    assert not scores.paired_difference([3.0], [1.0]).separable


def test_intervals_of_normal_samples_hold_the_truth_as_often_as_they_say():
    r = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        _, low, high = scores.mean_interval(r.normal(size=5))
        held += low <= 0 <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_runs_that_are_not_paired_are_refused():
    with pytest.raises(ValueError, match="as many, got 2 and 3"):
        scores.paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


def test_the_first_epoch_at_a_target_is_counted_from_one():
    curve = np.array([0.1, 0.9, 0.5, 0.95])
    assert scores.epochs_to(curve, 0.9) == 2
    assert scores.epochs_to(curve, 0.1) == 1
    assert scores.epochs_to(curve, 0.99) is None
