import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.studies import tunability

INF, NAN = np.inf, np.nan
few = st.lists(st.sampled_from([0.0, 1.0, 2.5, 4.0, 7.0, INF]), min_size=1, max_size=7)
numbers = st.lists(st.floats(0, 100, allow_subnormal=False), min_size=1, max_size=30)
RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1e0]


def subsets(scores, k):
    return [min(chosen) for chosen in itertools.combinations(scores, k)]


def test_the_expected_best_of_four_points_is_counted_by_hand():
    # one of 1 2 3 4:              (1 + 2 + 3 + 4) / 4        = 10/4
    # two, 6 pairs: 1 is in 3 of them, 2 is the best of 2, 3 of 1:
    #                              (3 · 1 + 2 · 2 + 1 · 3) / 6 = 10/6
    # three, 4 triples: 1 is in 3: (3 · 1 + 1 · 2) / 4         =  5/4
    found = tunability.best_of_k([4.0, 1.0, 3.0, 2.0])
    assert found == pytest.approx([10 / 4, 10 / 6, 5 / 4, 1], rel=1e-14)


def test_the_highest_of_four_points_is_counted_by_hand():
    # (3 · 4 + 2 · 3 + 1 · 2) / 6 = 20/6 of pairs, (3 · 4 + 1 · 3) / 4 = 15/4 of triples
    found = tunability.best_of_k([4.0, 1.0, 3.0, 2.0], best="highest")
    assert found == pytest.approx([10 / 4, 20 / 6, 15 / 4, 4], rel=1e-14)


def test_a_diverged_point_makes_the_mean_infinite_only_while_it_may_be_the_best():
    # of 1, 2 and one diverged: two points have one that did not: (2 · 1 + 1 · 2) / 3
    assert tunability.best_of_k([INF, 2.0, 1.0]) == pytest.approx([INF, 4 / 3, 1])
    assert tunability.best_of_k([NAN, 2.0, 1.0]) == pytest.approx([INF, 4 / 3, 1])
    # of accuracies .5, .8: (2 · .8 + 1 · .5) / 3 = .7
    found = tunability.best_of_k([0.5, 0.8, NAN], best="highest")
    assert found == pytest.approx([-INF, 0.7, 0.8])


@given(few)
def test_the_expected_best_is_the_mean_over_all_subsets(scores):
    found = tunability.best_of_k(scores)
    assert found == pytest.approx(
        [np.mean(subsets(scores, k + 1)) for k in range(len(scores))], rel=1e-12
    )


@given(few, st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9, 0.99]))
def test_the_quantile_of_the_best_is_that_of_all_subsets(scores, q):
    found = tunability.quantile_of_k(scores, q)
    for k, value in enumerate(found, 1):
        bests = sorted(subsets(scores, k))
        # the smallest s with at least a share q of the subsets' bests at or below it
        place = math.ceil(Fraction(str(q)) * len(bests)) - 1
        assert value == bests[place]


def test_the_median_of_the_best_is_counted_by_hand():
    # one of 1 2 3 4: P(≤ 1) = 1/4, P(≤ 2) = 1/2; two: P(≤ 1) = 3/6
    assert tunability.quantile_of_k([4.0, 3.0, 2.0, 1.0]).tolist() == [2, 1, 1, 1]
    # q = .9, two: P(≤ 2) = 5/6, P(≤ 3) = 1; three: P(≤ 1) = 3/4, P(≤ 2) = 1
    assert tunability.quantile_of_k([4.0, 3.0, 2.0, 1.0], 0.9).tolist() == [4, 3, 2, 1]
    # the highest of two: P(≥ 4) = 3/6
    found = tunability.quantile_of_k([4.0, 3.0, 2.0, 1.0], best="highest")
    assert found.tolist() == [3, 4, 4, 4]


def test_quantiles_are_finite_sooner_than_means():
    # of 1, 2 and two that diverged: P(one is finite) = 1/2, P(one of two is) = 5/6
    scores = [1.0, 2.0, INF, INF]
    assert tunability.quantile_of_k(scores).tolist() == [2, 1, 1, 1]
    # (1 is in 3 of 4 triples, 2 is the best of the other: 5/4)
    assert tunability.best_of_k(scores).tolist() == [INF, INF, 1.25, 1]


def test_five_hundred_and_twelve_points_are_as_exact_as_fractions():
    n = 512
    scores = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    # for scores 1 … K the mean is (K + 1) / (k + 1)
    exact = [(n + 1) / (k + 1) for k in range(1, n + 1)]
    assert tunability.best_of_k(scores) == pytest.approx(exact, rel=1e-11)
    bests = tunability.quantile_of_k(scores, 0.3)
    for k in (1, 2, 7, 100, 511, 512):
        missed = [Fraction(math.comb(n - i, k), math.comb(n, k)) for i in range(n + 1)]
        expected = next(i for i in range(n + 1) if 1 - missed[i] >= Fraction(3, 10))
        assert bests[k - 1] == expected


@given(numbers)
def test_more_tries_find_no_worse_and_all_tries_find_the_best(scores):
    for found in (tunability.best_of_k(scores), tunability.quantile_of_k(scores)):
        assert (np.diff(found) <= 1e-9).all()
        assert found[-1] == pytest.approx(min(scores))
    assert tunability.best_of_k(scores)[0] == pytest.approx(np.mean(scores))


@given(numbers)
def test_the_highest_of_scores_is_the_lowest_of_their_opposites(scores):
    opposite = [-s for s in scores]
    high = tunability.best_of_k(scores, best="highest")
    assert high.tolist() == (-tunability.best_of_k(opposite)).tolist()


def test_one_point_is_its_own_best_and_all_diverged_is_diverged():
    assert tunability.best_of_k([3.0]).tolist() == [3]
    assert tunability.quantile_of_k([3.0]).tolist() == [3]
    assert tunability.best_of_k([INF, NAN]).tolist() == [INF, INF]
    assert tunability.quantile_of_k([INF, NAN]).tolist() == [INF, INF]


def test_scores_that_rank_nothing_are_refused():
    with pytest.raises(ValueError, match="no scores"):
        tunability.best_of_k([])
    with pytest.raises(ValueError, match="infinitely good, got -inf"):
        tunability.best_of_k([1.0, -INF])
    with pytest.raises(ValueError, match="infinitely good, got inf"):
        tunability.quantile_of_k([1.0, INF], best="highest")
    for q in (0.0, 1.0, NAN):
        with pytest.raises(ValueError, match=f"q must be between 0 and 1, got {q}"):
            tunability.quantile_of_k([1.0], q)
    with pytest.raises(ValueError, match="'lowest' or 'highest', got 'least'"):
        tunability.sign("least")


def test_the_width_of_good_rates_is_interpolated_by_hand():
    # best 1 at 1e-2, good up to 1.05. Between 1.1 at 1e-3 and 1 at 1e-2 that is half
    # of the way: 10^-2.5. Between 1 at 1e-2 and 1.2 at 1e-1 a quarter: 10^-1.75.
    found = tunability.rate_sensitivity(RATES, [2.0, 1.1, 1.0, 1.2, INF])
    expected = (1e-2, 1, 0.75, 10**-2.5, 10**-1.75, 0.2)
    assert found[:6] == pytest.approx(expected, rel=1e-12)
    assert found[6:] == (False, False, False)


def test_the_width_of_good_accuracies_is_interpolated_by_hand():
    # best 1, good from .95: half of the way to .9, a quarter of the way to .8
    scores = [0.5, 0.9, 1.0, 0.8, NAN]
    found = tunability.rate_sensitivity(RATES, scores, best="highest")
    expected = (1e-2, 1, 0.75, 10**-2.5, 10**-1.75, 0.2)
    assert found[:6] == pytest.approx(expected, rel=1e-12)


def test_the_ends_of_the_grid_censor_the_width():
    # good at 1e-4 and 1e-3, half of the way to 1.1 at 1e-2
    found = tunability.rate_sensitivity(RATES, [1.0, 1.0, 1.1, 2.0, 2.0])
    assert (found.best_rate, found.low, found.at_edge) == (1e-4, 1e-4, True)
    assert (found.low_censored, found.high_censored) == (True, False)
    assert found.width_decades == pytest.approx(1.5)

    found = tunability.rate_sensitivity(RATES, [2.0, INF, 1.0, 1.02, 1.05])
    assert (found.low, found.high, found.at_edge) == (1e-2, 1e0, False)
    assert (found.low_censored, found.high_censored) == (False, True)


def test_good_rates_beyond_a_gap_are_not_counted():
    # 1.01 at 1e-4 lies behind a 2 at 1e-3, of which one twentieth is good
    found = tunability.rate_sensitivity(RATES, [1.01, 2.0, 1.0, 2.0, 1.01])
    assert found.width_decades == pytest.approx(0.1)


def test_beside_a_rate_that_diverged_nothing_is_interpolated():
    found = tunability.rate_sensitivity(RATES, [INF, NAN, 3.0, INF, NAN])
    assert found == (1e-2, 3, 0, 1e-2, 1e-2, 0.8, False, False, False)


def test_when_all_rates_diverged_there_is_no_best_one():
    found = tunability.rate_sensitivity([0.1, 1.0], [INF, NAN])
    assert found == pytest.approx((NAN, INF, 0, NAN, NAN, 1, 0, 0, 0), nan_ok=True)
    assert tunability.rate_sensitivity([0.1], [NAN], best="highest").best == -INF


def test_a_single_rate_is_at_both_edges():
    found = tunability.rate_sensitivity([0.1], [2.0])
    assert found == (0.1, 2, 0, 0.1, 0.1, 0, True, True, True)


@given(numbers, st.floats(0.01, 100))
def test_the_width_depends_on_no_unit_of_rate_or_score(scores, unit):
    rates = np.geomspace(1e-3, 1, len(scores))
    one = tunability.rate_sensitivity(rates, np.array(scores) + 1)
    other = tunability.rate_sensitivity(rates * unit, (np.array(scores) + 1) * 4)
    assert other.width_decades == pytest.approx(one.width_decades, abs=1e-9)
    assert other.best_rate == pytest.approx(one.best_rate * unit)
    assert one.low <= one.best_rate <= one.high


def test_sensitivity_to_what_is_no_grid_is_refused():
    measure = tunability.rate_sensitivity
    with pytest.raises(ValueError, match="got 2 rates and 1 scores"):
        measure([0.1, 1.0], [1.0])
    for rates in ([0.0, 1.0], [1.0, 0.1], [0.1, 0.1], [NAN, 1.0]):
        with pytest.raises(ValueError, match="rates must rise from above 0"):
            measure(rates, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"must be at least 0, got -1\.0"):
        measure([0.1, 1.0], [-1.0, 2.0])
    with pytest.raises(ValueError, match=r"within must be between 0 and 1, got 1\.5"):
        measure([0.1, 1.0], [1.0, 2.0], within=1.5)


def test_a_score_that_is_just_good_enough_is_so_in_float32_too():
    scores = np.float32([0.5, 0.95 * 0.8, 0.8, 0.95 * 0.8, 0.5])
    exact = tunability.rate_sensitivity(
        RATES, [0.5, 0.76, 0.8, 0.76, 0.5], best="highest"
    )
    found = tunability.rate_sensitivity(RATES, scores, best="highest")
    assert found.width_decades == pytest.approx(exact.width_decades, rel=1e-4)
