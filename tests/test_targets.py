import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.studies import targets

INF, NAN = np.inf, np.nan
CURVES = np.array(
    [
        [3.0, 2.0, 1.0, 2.0],  # at 2 after epoch 2
        [3.0, 3.0, 3.0, 3.0],  # never
        [3.0, NAN, 1.0, 1.0],  # diverged before
        [1.0, NAN, NAN, NAN],  # diverged after
    ]
)


def times(ends, censored=None):
    censored = np.zeros(len(ends)) if censored is None else censored
    return targets.Times(np.array(ends, float), np.array(censored, bool))


def test_the_times_of_four_curves_are_counted_by_hand():
    found = targets.times_to_target(CURVES, 2)
    assert found.times.tolist() == [2, 4, 4, 1]
    assert found.censored.tolist() == [False, True, True, False]
    assert found.or_inf.tolist() == [2, INF, INF, 1]


def test_times_of_rising_curves_are_counted_in_steps():
    accuracy = np.array([[0.1, 0.9, 0.95], [0.1, 0.2, 0.3], [0.1, INF, 1.0]])
    found = targets.times_to_target(
        accuracy, 0.9, reached="at_least", steps_per_epoch=40
    )
    assert found.times.tolist() == [80, 120, 120]  # inf is no accuracy
    assert found.censored.tolist() == [False, True, True]


def test_five_times_with_two_censored_are_summarised_by_hand():
    # times 1, 2+, 3, 4+, 5.  S = 4/5 from 1, · 2/3 = 8/15 from 3, · 0/1 = 0 from 5.
    # The median is 5. ∫ S = 1 · 1 + 2 · 4/5 + 2 · 8/15 = 11/3.
    # At 1: Σ d / (n (n − d)) = 1/20, se of log(−log S) = √.05 / |log .8| = 1.0021,
    # low = exp(−exp(log(−log .8) + 1.96 · 1.0021)) = exp(−exp(.4641)) = .204 ≤ ½.
    # At 1 and 3 high > ½, and at 5 there is none: nothing bounds the median.
    found = targets.survival(times([1, 2, 3, 4, 5], [0, 1, 0, 1, 0]))
    assert found == pytest.approx((3 / 5, 5, 1, INF, 11 / 3))


def test_the_order_of_runs_means_nothing():
    one = targets.survival(times([1, 2, 3, 4, 5], [0, 1, 0, 1, 0]))
    other = targets.survival(times([5, 4, 1, 3, 2], [0, 1, 0, 0, 1]))
    assert one == other


def test_a_median_is_infinite_where_most_runs_never_arrive():
    # S = 4/5 from 1, 3/5 from 2 on. ∫ S = 1 + 4/5 + 3/5
    found = targets.survival(times([1, 2, 3, 3, 3], [0, 0, 1, 1, 1]))
    assert found == pytest.approx((2 / 5, INF, 1, INF, 12 / 5))
    # exactly half of them: S falls to ½
    assert targets.survival(times([1, 2, 3, 3], [0, 0, 1, 1])).median == 2


def test_a_run_that_arrives_when_another_is_lost_was_among_two():
    # S = 1/2 at 2, not 0: the censored run was there until then
    assert targets.survival(times([2, 2], [1, 0]))[:2] == (0.5, 2)


def test_nobody_arrives():
    assert targets.survival(times([4, 4], [1, 1])) == (0, INF, INF, INF, 4)
    assert targets.survival(times([4], [1])) == (0, INF, INF, INF, 4)


def test_everybody_arrives_at_once():
    assert targets.survival(times([3, 3, 3])) == (1, 3, 3, INF, 3)
    assert targets.survival(times([3])) == (1, 3, 3, INF, 3)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=15))
def test_without_censoring_it_is_the_plain_median_and_mean(ends):
    found = targets.survival(times(ends))
    assert found.rate == 1
    assert found.median == sorted(ends)[(len(ends) - 1) // 2]  # the lower of two
    assert found.restricted_mean == pytest.approx(np.mean(ends))
    assert found.low <= found.median <= found.high


@given(
    st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=12),
)
def test_the_curve_is_kaplan_and_meiers(runs):
    ends, censored = zip(*runs, strict=True)
    survive, area, median, last = 1.0, 0.0, INF, 0
    for t in range(1, max(ends) + 1):
        area += survive * (t - last)
        at_risk = sum(end >= t for end in ends)
        died = sum(end == t and not lost for end, lost in runs)
        survive *= 1 - died / at_risk
        if survive <= 0.5 + 1e-9 and median == INF:
            median = t
        last = t
    found = targets.survival(times(ends, censored))
    assert found.median == median
    assert found.restricted_mean == pytest.approx(area)
    assert found.low <= found.median <= found.high


def test_intervals_hold_the_median_of_censored_times_as_often_as_they_say():
    r, held, trials = np.random.default_rng(0), 0, 400
    for _ in range(trials):
        ends = r.exponential(size=40)
        lost = ends > 1.2  # 30 % of them
        found = targets.survival(targets.Times(np.minimum(ends, 1.2), lost))
        held += found.low <= np.log(2) < found.high
    assert held / trials == pytest.approx(0.95, abs=0.03)


def test_a_common_target_is_the_best_of_medians_by_hand():
    # bests of a: 1, 2, 4 → 2; of b: 3, 1, inf → 3
    curves = {
        "a": np.array([[3.0, 1.0, 2.0], [2.0, 3.0, 4.0], [5.0, 4.0, NAN]]),
        "b": np.array([[3.0, 9.0, 9.0], [2.0, 1.0, NAN], [NAN, 0.0, 0.0]]),
    }
    assert targets.common_target(curves) == 2
    # the highest of a: 3, 4, 5 → 4; of b: 9, 2, none → 2
    assert targets.common_target(curves, best="highest") == 4


def test_half_of_the_runs_of_a_baseline_reach_the_common_target():
    curves = np.random.default_rng(0).normal(size=(21, 30))
    target = targets.common_target({"a": curves, "b": curves + 1})
    assert (~targets.times_to_target(curves, target).censored).sum() == 11


def test_a_profile_is_counted_by_hand():
    # the best times are 10, 20, 40: a is at 1, 1.5, ∞ times them, b at 2, 1, 1
    table = {"a": [10.0, 30.0, INF], "b": [20.0, 20.0, 40.0]}
    found = targets.performance_profile(table, [1.0, 1.5, 2.0, 100.0], seed=0)
    assert found.shares["a"] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert found.shares["b"] == pytest.approx([2 / 3, 2 / 3, 1, 1])
    # of 3 draws with p = 1/3: P(0) = 8/27 and P(3) = 1/27 are both above 2.5 %
    assert (found.low["a"][0], found.high["a"][0]) == (0, 1)
    assert (found.low["b"][-1], found.high["b"][-1]) == (1, 1)


def test_a_seed_on_which_nobody_arrives_counts_against_all():
    table = {"a": [INF, 1.0], "b": [INF, INF]}
    found = targets.performance_profile(table, [1.0, 4.0], seed=0)
    assert found.shares["a"].tolist() == [0.5, 0.5]
    assert found.shares["b"].tolist() == [0, 0]


def test_the_band_of_a_profile_is_that_of_all_resamples():
    # all 4⁴ ways to draw four seeds, of which a is the first on three
    table = {"a": [1.0, 1.0, 1.0, 9.0], "b": [2.0, 3.0, 4.0, 1.0]}
    found = targets.performance_profile(table, [1.0], seed=0, resamples=20_000)
    first = np.array([1, 1, 1, 0])
    shares = [first[list(d)].mean() for d in itertools.product(range(4), repeat=4)]
    assert found.low["a"][0] == np.quantile(shares, 0.025)
    assert found.high["a"][0] == np.quantile(shares, 0.975)
    # the draws are joint: who is first is either one
    assert found.low["b"][0] == 1 - found.high["a"][0]


def test_a_profile_is_the_same_again_and_of_one_seed_has_no_band():
    table = {"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 2.0]}
    one = targets.performance_profile(table, [1.0, 2.0], seed=3)
    other = targets.performance_profile(table, [1.0, 2.0], seed=3)
    assert one.low["a"].tolist() == other.low["a"].tolist()
    single = targets.performance_profile({"a": [1.0], "b": [2.0]}, [1.0], seed=0)
    assert single.shares["a"].tolist() == [1]
    assert np.isnan([single.low["a"], single.high["b"]]).all()


@given(
    st.lists(
        st.tuples(*[st.sampled_from([1.0, 2.0, 3.0, INF])] * 3), min_size=2, max_size=8
    )
)
def test_profiles_rise_with_the_factor_and_end_at_the_hit_rate(rows):
    table = dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True))
    found = targets.performance_profile(table, [1.0, 1.5, 2.0, 3.0], seed=0)
    for name, share in found.shares.items():
        assert (np.diff(share) >= 0).all()
        assert share[-1] == pytest.approx(np.isfinite(table[name]).mean())
        assert (found.low[name] <= share + 1e-12).all()
        assert (share <= found.high[name] + 1e-12).all()


def test_factors_are_met_exactly_whatever_they_round_to():
    # 1.15 · 100 is 114.99999999999999 in floats
    found = targets.performance_profile({"a": [115.0], "b": [100.0]}, [1.15], seed=0)
    assert found.shares["a"][0] == 1


def test_the_best_so_far_is_taken_by_hand():
    # so far: 3 1 1 1 | 4 3 2 1 | 5 5 5 5: at half of the epochs 1, 3, 5
    curves = np.array(
        [[3.0, 1.0, 2.0, NAN], [4.0, 3.0, 2.0, 1.0], [5.0, NAN, 0.0, 0.0]]
    )
    found = targets.anytime(curves, [0.25, 0.5, 0.7, 1.0])
    assert found.epochs.tolist() == [1, 2, 2, 4]
    assert found.values.tolist() == [4, 3, 3, 1]
    # the highest so far: 3 3 3 3 | 4 4 4 4 | 5 5 5 5
    assert targets.anytime(curves, [1.0], best="highest").values.tolist() == [4]


def test_a_fraction_pays_for_all_epochs_that_it_should():
    # .29 · 100 is 28.999999999999996 in floats
    curves = np.arange(100.0, 0.0, -1.0)[None]
    assert targets.anytime(curves, [0.29]).epochs.tolist() == [29]


def test_runs_that_never_had_a_value_are_infinitely_bad_at_any_time():
    curves = np.array([[NAN, 1.0], [2.0, 1.0]])
    assert targets.anytime(curves, [1.0]).values.tolist() == [INF]
    assert targets.anytime(curves, [1.0], best="highest").values.tolist() == [-INF]
    assert targets.anytime(curves[1:], [1.0]).values.tolist() == [1]


def test_what_has_no_time_is_refused():
    empty = np.zeros((0, 3))
    with pytest.raises(ValueError, match=r"must be \(runs, epochs\), got \(0, 3\)"):
        targets.times_to_target(empty, 1)
    with pytest.raises(ValueError, match="finite number, got nan"):
        targets.times_to_target(CURVES, NAN)
    with pytest.raises(ValueError, match="no times"):
        targets.survival(times([]))
    for end in (0, -1, NAN, INF):
        with pytest.raises(ValueError, match="must be positive numbers"):
            targets.survival(times([1, end]))
    with pytest.raises(ValueError, match=r"none of \['a'\] has a finite median"):
        targets.common_target({"a": np.array([[NAN, 1.0]])})
    with pytest.raises(ValueError, match=r"none of \[\]"):
        targets.common_target({})


def test_profiles_of_what_is_not_paired_are_refused():
    profile = targets.performance_profile
    with pytest.raises(ValueError, match=r"got \{'a': 1, 'b': 2\}"):
        profile({"a": [1.0], "b": [1.0, 2.0]}, [1.0], seed=0)
    for table in ({}, {"a": []}):
        with pytest.raises(ValueError, match="paired and as many"):
            profile(table, [1.0], seed=0)
    for bad in (-1.0, NAN):
        with pytest.raises(ValueError, match="at least 0, or inf"):
            profile({"a": [bad]}, [1.0], seed=0)
    with pytest.raises(ValueError, match=r"at least 1, got \[0\.5\]"):
        profile({"a": [1.0]}, [0.5], seed=0)


def test_fractions_of_less_than_an_epoch_are_refused():
    for fraction in (0.2, 1.1, -0.5):
        with pytest.raises(ValueError, match="fractions must be between 1/4 and 1"):
            targets.anytime(CURVES, [fraction])
