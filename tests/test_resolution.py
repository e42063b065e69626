# Numbers of float32, read as float64, are compared as finely as they are known.

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from optax_lab.studies import landings, resolution, scores, targets, verdicts

RIGHT = np.array([910, 890, 897, 910, 936, 946, 932, 923, 923])  # of 1000 examples
MORE = np.array([1, -1, -1, 2, 2, 1, 2, 1, 1])


def accuracies(right, of=1000):
    """Returns what a program measures, as a study reads it."""
    return (np.asarray(right) / np.float32(of)).astype(np.float32).astype(float)


def p_of_whole_numbers(differences):
    signs = np.array(list(itertools.product([-1, 1], repeat=len(differences))))
    return np.mean(np.abs(signs @ differences) >= abs(differences.sum()))


def test_sign_flips_of_float32_tie_where_whole_numbers_do():
    a, b = accuracies(RIGHT + MORE), accuracies(RIGHT)
    assert verdicts.sign_flip(a, b) == p_of_whole_numbers(MORE) > 0.05
    (pair,) = verdicts.compare_all({"a": a, "b": b})
    assert not pair.separable


@pytest.mark.parametrize("seed", range(50))
def test_sign_flips_of_random_counts_are_those_of_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    runs, of = int(rng.integers(3, 13)), int(rng.choice([997, 1000, 10_000]))
    right = rng.integers(of // 2, of - 10, size=runs)
    more = rng.integers(-3, 5, size=runs)
    p = verdicts.sign_flip(accuracies(right + more, of), accuracies(right, of))
    assert p == p_of_whole_numbers(more)


def test_random_sign_flips_tie_where_whole_numbers_do(monkeypatch):
    monkeypatch.setattr(verdicts, "EXACT", 0)
    p = verdicts.sign_flip(accuracies(RIGHT + MORE), accuracies(RIGHT))
    whole = verdicts.sign_flip(1.0 * (RIGHT + MORE), 1.0 * RIGHT)
    assert p == whole == pytest.approx(p_of_whole_numbers(MORE), abs=0.01)


def test_differences_that_are_equal_but_for_rounding_have_no_width():
    a, b = accuracies(RIGHT + 7), accuracies(RIGHT)
    interval = verdicts.bca_interval(a, b)
    assert interval.low == interval.mean == interval.high
    assert np.ptp(a - b) > 0


def test_differences_that_are_small_and_exact_keep_their_width():
    a = np.array([1.0, 1.0 + 1e-9, 1.0 - 1e-9, 1.0 + 3e-9])
    interval = verdicts.bca_interval(a, np.ones(4))
    assert interval.low < interval.mean < interval.high


def test_equal_means_of_float32_share_a_rank_and_the_first_stays_first():
    one, other = accuracies([100, 300]), accuracies([200, 200])
    assert np.mean(one) != np.mean(other)
    assert verdicts.ranked({"x": one, "y": other}) == ["x", "y"]
    assert verdicts.ranked({"y": other, "x": one}) == ["y", "x"]
    assert resolution.mean([1.0, 1.0 + 1e-9]) > 1  # no float32s


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_target_that_is_met_exactly_is_met(percent):
    target, curve = percent / 100, accuracies([0, percent, percent], 100)
    assert scores.epochs_to(curve, target) == 2
    falling = accuracies([100, percent, percent], 100)
    for reached, values in (("at_least", curve), ("at_most", falling)):
        found = targets.times_to_target(values[None], target, reached=reached)
        assert found.or_inf.tolist() == [2.0]


def test_no_value_is_below_the_minimum_but_for_rounding():
    surface = SimpleNamespace(name="bowl", minima=(0.0,), best=0.1)
    values = np.float32([0.1, 0.1 - 1e-8, 0.1 + 1e-8, 0.2, 0.0])
    above = landings.above_best(surface, values)
    np.testing.assert_allclose(above, [0, 0, 0, 0.1, -0.1], atol=1e-7)
    assert (above[:3] == 0).all()
