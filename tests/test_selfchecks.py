import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.studies import selfchecks, spaces, verdicts

NAN = np.nan


def test_the_interval_of_a_rate_is_wilsons_by_hand():
    # no split of 4 runs is significant: 0 of 100. Wilson's upper end is z² / (n + z²)
    # = 3.8415 / 103.8415
    rate, low, high = selfchecks.aa_rate([1.0, 2.0, 3.0, 4.0], splits=100)
    assert (rate, low) == (0, 0)
    assert high == pytest.approx(3.841459 / 103.841459)


def test_a_rate_of_all_splits_of_twelve_runs_is_counted_by_hand():
    # halves of 6 are separable only if all six differences have one sign: p = 2/64.
    # Pairs are random and so are their signs: 2 of 64 splits are.
    rate, low, high = selfchecks.aa_rate(np.arange(12.0) ** 3, splits=4000)
    assert low < rate < high
    assert rate == pytest.approx(2 / 64, abs=4 * np.sqrt(2 / 64 / 4000))


def test_an_optimizer_is_called_separable_from_itself_at_the_level():
    for size in (20, 2 * verdicts.EXACT + 2):  # exact, and patterns at random
        values = np.random.default_rng(size).normal(size=size)
        found = selfchecks.aa_rate(values, splits=1000)
        assert found.rate == pytest.approx(0.05, abs=0.025)
        assert found.low < 0.05 < found.high + 0.01


def test_the_rate_is_that_of_the_test_on_each_split():
    values, splits = np.arange(14.0), 50
    shuffles = np.random.default_rng(3).permuted(np.tile(values, (splits, 1)), axis=1)
    p = [verdicts.sign_flip(row[:7], row[7:]) for row in shuffles]
    found = selfchecks.aa_rate(values, splits=splits, seed=3, level=0.2)
    assert found.rate == np.mean(np.array(p) <= 0.2) > 0


def test_equal_runs_are_never_separable_and_an_odd_one_is_left_out():
    assert selfchecks.aa_rate([0.5] * 20, splits=50).rate == 0
    assert selfchecks.aa_rate(list(np.arange(13.0)), splits=50).rate <= 0.2
    assert selfchecks.aa_rate([1.0, 2.0], splits=10).rate == 0


def test_a_test_that_is_too_bold_is_found_out(monkeypatch):
    honest, values = verdicts.sign_flips, np.random.default_rng(0).normal(size=20)
    one_sided = lambda *tests, seed: honest(*tests, seed=seed) / 2
    monkeypatch.setattr(verdicts, "sign_flips", one_sided)
    assert selfchecks.aa_rate(values).low > 0.05


def test_what_cannot_be_split_is_refused():
    for values in ([], [1.0], [1.0, NAN]):
        with pytest.raises(ValueError, match="two or more finite runs"):
            selfchecks.aa_rate(values)
    with pytest.raises(ValueError, match=r"got 0 and 0\.05"):
        selfchecks.aa_rate([1.0, 2.0], splits=0)
    with pytest.raises(ValueError, match=r"got 1000 and 1\.0"):
        selfchecks.aa_rate([1.0, 2.0], level=1.0)


def test_curves_equal_to_the_bit_are_found():
    curve = np.array([1.0, NAN, 0.0])
    histories = {
        "sgd": {"loss": curve, "accuracy": curve},
        "sgdp": {"accuracy": curve.copy(), "loss": curve.copy()},  # in another order
        "adam": {"loss": curve + 1e-16, "accuracy": curve},  # 0 is now 1e-16
        "lion": {"loss": curve, "accuracy": -curve},  # 0 is now −0
        "copy": {"loss": curve, "accuracy": curve},
    }
    expected = [("sgd", "sgdp"), ("sgd", "copy"), ("sgdp", "copy")]
    assert selfchecks.identical(histories) == expected


def test_curves_of_other_names_shapes_or_types_are_not_identical():
    zeros = np.zeros(4)
    kinds = {
        "plain": {"loss": zeros},
        "named": {"error": zeros},
        "shaped": {"loss": zeros.reshape(2, 2)},
        "typed": {"loss": zeros.astype(np.int64)},
        "more": {"loss": zeros, "error": zeros},
    }
    assert selfchecks.identical(kinds) == []
    assert selfchecks.identical({}) == []
    assert selfchecks.identical({"one": {"loss": zeros}}) == []
    strided = {"loss": np.zeros(8)[::2]}
    assert selfchecks.identical({"a": {"loss": zeros}, "b": strided}) == [("a", "b")]


def test_a_name_without_curves_is_refused():
    with pytest.raises(ValueError, match="adam has no curves"):
        selfchecks.identical({"adam": {}})


def test_the_ends_of_a_space_are_measured_by_hand():
    # six decades from 1e-5 to 1e1: 2 % are .12 of a decade, so up to 1e-5 · 10^.12
    space = {"learning_rate": (1e-5, 1e1)}
    for exponent, ends in (
        (-4.881, True),
        (-4.879, False),
        (0.879, False),
        (0.881, True),
    ):
        found = selfchecks.at_boundary({"learning_rate": 10**exponent}, space)
        assert found == (["learning_rate"] if ends else [])


def test_what_was_not_searched_is_at_no_boundary_and_what_is_outside_is():
    space = {"b1": (0.5, 0.99), "lr": (1e-3, 1.0)}
    assert selfchecks.at_boundary({"lr": 0.1, "b1": 0.8, "eps": 1e-8}, space) == []
    assert selfchecks.at_boundary({"lr": 2.0, "b1": 0.4}, space) == ["b1", "lr"]


@given(st.floats(1e-6, 1.0), st.floats(1.5, 1e6))
def test_the_ends_themselves_are_at_the_boundary(low, factor):
    space = {"x": (low, low * factor)}
    for margin in (0.0, 0.02):
        for end in space["x"]:
            assert selfchecks.at_boundary({"x": end}, space, margin=margin) == ["x"]
        scale = spaces.scale_of("x", *space["x"])
        (middle,) = spaces.scaled(np.array([0.5]), *space["x"], scale)
        assert selfchecks.at_boundary({"x": middle}, space, margin=margin) == []


def test_the_boundary_of_a_decay_is_measured_by_its_memory():
    # 1 − β from .1 to .001 are two decades; 2 % are .04, so from 1 − .001 · 10^.04 on
    space = {"b2": (0.9, 0.999)}
    for decay, ends in ((0.9988, False), (0.99895, True), (0.905, True), (0.91, False)):
        found = selfchecks.at_boundary({"b2": decay}, space)
        assert found == (["b2"] if ends else [])


def test_empty_spaces_and_missing_values_are_refused():
    for ends in ((1.0, 1.0), (2.0, 1.0), (NAN, 1.0)):
        with pytest.raises(ValueError, match=r"x=.* is empty: low must be below"):
            selfchecks.at_boundary({"x": 1.0}, {"x": ends})
    with pytest.raises(ValueError, match="the point has no x"):
        selfchecks.at_boundary({}, {"x": (1.0, 2.0)})
    for margin in (-0.1, 0.5):
        with pytest.raises(ValueError, match=f"below ½, got {margin}"):
            selfchecks.at_boundary({}, {}, margin=margin)
