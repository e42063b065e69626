import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from optax_lab.studies import letters, verdicts

NAN = np.nan
integers = st.lists(st.integers(-9, 9).map(float), min_size=2, max_size=8)
normals = st.integers(0, 10**6).map(
    lambda seed: np.random.default_rng(seed).normal(size=12)
)
shares = st.lists(st.floats(0, 1), min_size=1, max_size=6)
names = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.just("abcdef"[:n]),
        st.sets(st.sampled_from([*itertools.combinations("abcdef"[:n], 2), ("", "")])),
    )
)


def test_three_differences_have_a_p_value_counted_by_hand():
    # 1 2 3: of 8 patterns one sum is ≥ 6: p = 2 · 1/8
    assert verdicts.sign_flip([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) == 0.25
    # 3 2 −1, of sum 4: 3 + 2 + 1 and 3 + 2 − 1 are ≥ 4: p = 2 · 2/8
    assert verdicts.sign_flip([3.0, 2.0, 0.0], [0.0, 0.0, 1.0]) == 0.5
    # 1 2 −3, of sum 0: every pattern or its opposite is ≥ 0
    assert verdicts.sign_flip([1.0, 2.0, 0.0], [0.0, 0.0, 3.0]) == 1


@given(integers)
def test_p_values_are_those_of_all_patterns(d):
    sums = [np.dot(s, d) for s in itertools.product((-1, 1), repeat=len(d))]
    more, less = (np.mean([s * sum(d) <= s * x for x in sums]) for s in (1, -1))
    expected = min(1, 2 * min(more, less))
    assert verdicts.sign_flip(d, [0.0] * len(d)) == pytest.approx(expected)


@given(normals)
def test_p_values_are_scipys_of_two_paired_samples(a):
    b = a**2
    expected = stats.permutation_test(
        (a, b), lambda a, b: np.mean(a - b), permutation_type="samples"
    ).pvalue
    assert verdicts.sign_flip(a, b) == pytest.approx(expected, rel=1e-12)
    assert verdicts.sign_flip(b, a) == verdicts.sign_flip(a, b)


def test_many_tests_at_once_are_the_same_tests():
    for runs in (5, verdicts.EXACT + 1):  # exact and at random
        d = np.random.default_rng(0).normal(0.3, size=(7, runs))
        each = [verdicts.sign_flip(row, np.zeros(runs)) for row in d]
        assert verdicts.sign_flips(d).tolist() == each


@pytest.mark.slow
def test_twenty_pairs_are_still_exact():
    d = np.random.default_rng(1).normal(0.2, size=20)
    signs = 1 - 2 * (np.arange(2**20)[:, None] >> np.arange(20) & 1).astype(np.int8)
    exact = np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-12)
    assert verdicts.sign_flip(d, [0.0] * 20) == exact


def test_more_pairs_are_tested_at_random_but_repeatably(monkeypatch):
    d = np.random.default_rng(1).normal(0.2, size=(5, 20))
    exact = verdicts.sign_flips(d)
    monkeypatch.setattr(verdicts, "EXACT", 10)
    found = verdicts.sign_flips(d, seed=3)
    assert found.tolist() == verdicts.sign_flips(d, seed=3).tolist() != exact.tolist()
    # a share of 9999 patterns, of which either tail is taken twice
    error = np.sqrt(2 * exact / verdicts.RESAMPLES)
    assert (np.abs(found - exact) <= 5 * error).all()


def test_identical_runs_and_a_single_pair_have_p_1():
    for runs in ([3.0], [1.0, 2.0], [0.1] * 20, [0.1] * 40):
        assert verdicts.sign_flip(runs, runs) == 1
    assert verdicts.sign_flip([3.0], [1.0]) == 1


def test_five_pairs_are_never_enough_and_six_may_be():
    for runs, p in ((5, 2 / 32), (6, 2 / 64)):
        a = list(np.arange(1.0, runs + 1))
        assert verdicts.sign_flip(a, [0.0] * runs) == p


def test_runs_that_cannot_be_paired_are_refused():
    for test in (verdicts.sign_flip, verdicts.bca_interval):
        with pytest.raises(ValueError, match="and at least one, got 1 and 2"):
            test([1.0], [1.0, 2.0])
        with pytest.raises(ValueError, match="and at least one, got 0 and 0"):
            test([], [])
        with pytest.raises(ValueError, match=r"must be finite.*\[nan\]"):
            test([1.0], [NAN])


def test_three_p_values_are_adjusted_by_hand():
    # .01 · 3 = .03; .03 · 2 = .06; .04 · 1 is raised to the .06 before it
    assert verdicts.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    # .4 · 3 and all after it are cut to 1
    assert verdicts.holm([0.4, 0.5, 0.6]).tolist() == [1, 1, 1]
    assert verdicts.holm([0.2]).tolist() == [0.2]
    assert verdicts.holm([]).tolist() == []


@given(shares)
def test_holm_is_the_closed_test_of_bonferronis(p):
    # a hypothesis falls when every set that holds it does, by |S| · min p of S
    rest = range(len(p))
    sets = [s for k in rest for s in itertools.combinations(rest, k + 1)]
    level = {s: min(1, len(s) * min(p[i] for i in s)) for s in sets}
    expected = [max(level[s] for s in sets if i in s) for i in rest]
    assert verdicts.holm(p) == pytest.approx(expected)


def test_what_is_no_p_value_is_refused():
    for p in (-0.1, 1.1, NAN):
        with pytest.raises(ValueError, match="between 0 and 1"):
            verdicts.holm([0.5, p])


def test_the_interval_of_two_differences_is_known_by_hand():
    # means of 0 and 1 drawn twice: 0, ½, 1 with ¼, ½, ¼. They are symmetric, so that
    # nothing is corrected, and both ends are beyond 2.5 %.
    found = verdicts.bca_interval([1.0, 3.0], [1.0, 2.0])
    assert found == pytest.approx((0.5, 0, 1))


def test_intervals_are_efrons_over_all_resamples():
    d = np.array([0.0, 1.0, 1.5, 4.0, 9.0, 9.5])
    means = np.array([np.mean(draw) for draw in itertools.product(d, repeat=6)])
    # z₀ from the share below the mean, ties half; a from the jackknife
    share = (np.mean(means < d.mean() - 1e-9) + np.mean(means <= d.mean() + 1e-9)) / 2
    z0 = stats.norm.ppf(share)
    u = d - d.mean()  # the jackknife's differences, up to a positive factor
    a = (u**3).sum() / (6 * (u**2).sum() ** 1.5)
    z = z0 + stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(means, stats.norm.cdf(z0 + z / (1 - a * z)))
    found = verdicts.bca_interval(d + 2, np.full(6, 2.0))
    assert found == pytest.approx((d.mean(), *expected), abs=0.15)


def test_equal_differences_have_an_interval_of_no_length():
    a = np.array([0.1, 0.7, 1.3, 2.9])
    found = verdicts.bca_interval(a + 0.2, a)  # equal but for rounding
    assert found == pytest.approx((0.2, 0.2, 0.2))
    assert found.low == found.mean == found.high
    assert verdicts.bca_interval(a, a) == (0, 0, 0)


def test_a_single_difference_has_no_interval():
    mean, low, high = verdicts.bca_interval([3.0], [1.0])
    assert mean == 2 and np.isnan([low, high]).all()


@given(normals, st.sampled_from([2.0**-600, 2.0**-10, 2.0**300]))
def test_intervals_hold_the_mean_and_scale_with_it(a, unit):
    mean, low, high = verdicts.bca_interval(a, a**2)
    assert low < mean < high
    scaled = verdicts.bca_interval(a * unit, a**2 * unit)
    assert scaled == (mean * unit, low * unit, high * unit)


@pytest.mark.slow
def test_intervals_hold_the_truth_nearly_as_often_as_they_say():
    r, held = np.random.default_rng(0), 0
    for _ in range(300):
        found = verdicts.bca_interval(r.exponential(size=30), np.ones(30))
        held += found.low <= 0 <= found.high
    assert held / 300 == pytest.approx(0.94, abs=0.035)


def test_optimizers_are_ranked_by_their_mean():
    runs = {"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [2.0, 1.0]}
    assert verdicts.ranked(runs) == ["b", "a", "c"]
    assert verdicts.ranked(runs, best="lowest") == ["a", "c", "b"]


def test_all_pairs_of_three_optimizers_are_compared_by_hand():
    # better by 1 … 6 on six seeds: p = 2/64. Three pairs, of which one is identical:
    # the two with 2/64 become 3 · 2/64, and that with 1 stays.
    low = np.zeros(6)
    runs = {"low": low, "high": np.arange(1.0, 7.0), "same": low}
    first, second, third = verdicts.compare_all(runs)
    assert first[:3] == ("high", "low", 3.5)
    assert (first.p, first.p_holm) == (2 / 64, 6 / 64)
    assert first.low < 3.5 < first.high
    assert (first.separable, first.identical) == (False, False)
    assert second == ("high", "same", *first[2:])
    assert third == ("low", "same", 0, 0, 0, 1, 1, False, True)


def test_the_lower_is_first_where_the_lowest_is_best():
    runs = {"high": np.arange(1.0, 7.0), "low": np.zeros(6)}
    (pair,) = verdicts.compare_all(runs, best="lowest")
    assert pair[:3] == ("low", "high", -3.5)
    # one pair alone is not adjusted: 2/64 ≤ .05, but not ≤ .03
    assert pair.separable and pair.p_holm == 2 / 64
    (strict,) = verdicts.compare_all(runs, best="lowest", level=0.03)
    assert not strict.separable
    assert strict.high - strict.low > pair.high - pair.low


def test_one_optimizer_has_no_pairs_and_one_seed_separates_nothing():
    assert verdicts.compare_all({"a": [1.0, 2.0]}) == []
    assert verdicts.compare_all({}) == []
    (pair,) = verdicts.compare_all({"a": [1.0], "b": [2.0]})
    assert pair[:3] == ("b", "a", 1) and np.isnan(pair.low)
    assert (pair.p, pair.separable, pair.identical) == (1, False, False)


def test_if_all_are_alike_few_families_have_a_separable_pair():
    r, wrong = np.random.default_rng(0), 0
    for _ in range(60):
        runs = {name: r.normal(size=8) for name in "abc"}
        wrong += any(pair.separable for pair in verdicts.compare_all(runs))
    assert wrong <= 8  # of 60, P(more than 8) < 1 % at a rate of 5 %


@pytest.mark.parametrize("seeds", [20, verdicts.EXACT + 1])
def test_clear_differences_are_separable_however_many_pairs_there_are(
    seeds, monkeypatch
):
    # of 15 pairs the smallest p must be below .05 / 15, which 99 patterns cannot say
    monkeypatch.setattr(verdicts, "RESAMPLES", 99)
    r = np.random.default_rng(0)
    runs = {name: r.normal(i, 0.1, size=seeds) for i, name in enumerate("abcdef")}
    pairs = verdicts.compare_all(runs)
    assert len(pairs) == 15
    assert all(pair.separable for pair in pairs)


def test_comparisons_that_are_none_are_refused():
    with pytest.raises(ValueError, match="b, a: paired runs must be as many"):
        verdicts.compare_all({"a": [1.0], "b": [2.0, 3.0]})
    with pytest.raises(ValueError, match="a, b: runs must be finite"):
        verdicts.compare_all({"a": [1.0, NAN], "b": [2.0, 3.0]})
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 1"):
        verdicts.compare_all({"a": [1.0]}, level=1.0)


def test_four_names_are_lettered_by_hand():
    # insert a–c: {b c d} {a b d}; a–d: {b c d} {b d} {a b}, of which {b d} is absorbed;
    # b–d: {c d} {b c} {a b}
    found = letters.letters("abcd", [("a", "c"), ("d", "a"), ("b", "d")])
    assert found == {"a": "a", "b": "ab", "c": "bc", "d": "c"}


def test_nobody_separable_is_one_letter_and_all_separable_one_each():
    assert letters.letters("abc", []) == {"a": "a", "b": "a", "c": "a"}
    pairs = list(itertools.combinations("abc", 2))
    assert letters.letters("abc", pairs) == {"a": "a", "b": "b", "c": "c"}
    assert letters.letters([], []) == {}


@given(names)
def test_letters_are_the_largest_groups_without_a_separable_pair(case):
    members, pairs = case
    pairs = pairs - {("", "")}
    found = letters.letters(members, pairs)
    for a, b in itertools.combinations(members, 2):
        assert bool(set(found[a]) & set(found[b])) == ((a, b) not in pairs)
    sets = [
        set(s)
        for k in range(len(members))
        for s in itertools.combinations(members, k + 1)
    ]
    fit = [s for s in sets if not any(set(pair) <= s for pair in pairs)]
    largest = [s for s in fit if not any(s < other for other in fit)]
    groups = [
        {name for name in members if letter in found[name]}
        for letter in set("".join(found.values()))
    ]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, largest))
    assert (
        "".join(dict.fromkeys("".join(found.values())))
        == ("abcdefghijklmnopqrstuvwxyz"[: len(groups)])
    )


def test_there_are_letters_enough():
    many = [f"o{i}" for i in range(70)]
    found = letters.letters(many, list(itertools.combinations(many, 2)))
    assert len(set(found.values())) == 70
    assert all(len(letter) == 1 and letter.isalpha() for letter in found.values())


def test_pairs_of_no_names_are_refused():
    with pytest.raises(ValueError, match=r"names must differ, got \['a', 'a'\]"):
        letters.letters("aa", [])
    for pair in (("a", "c"), ("a", "a")):
        with pytest.raises(ValueError, match="two of the names"):
            letters.letters("ab", [pair])
