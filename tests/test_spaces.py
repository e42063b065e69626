import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

import optax_lab
from optax_lab.studies import spaces

RATES = (1e-5, 1e1)


@pytest.mark.parametrize("name", optax_lab.OPTIMIZERS)
def test_every_optimizer_has_a_space_that_can_be_searched(name):
    space = optax_lab.OPTIMIZERS[name].space
    found = spaces.points(space, 8)
    assert set(found) == set(space)
    for key, (low, high) in space.items():
        assert found[key].dtype == np.float32
        assert (np.float32(low) <= found[key]).all()
        assert (found[key] <= np.float32(high)).all()


def test_everyone_is_tried_at_the_same_rates():
    first = spaces.points(optax_lab.OPTIMIZERS["sgd"].space, 16)
    for entry in optax_lab.OPTIMIZERS.values():
        found = spaces.points(entry.space, 16)
        np.testing.assert_array_equal(found["learning_rate"], first["learning_rate"])


def test_the_rate_is_the_first_dimension_wherever_it_is_written():
    given_first = spaces.points({"learning_rate": RATES, "b1": (0.5, 0.99)}, 8)
    given_last = spaces.points({"b1": (0.5, 0.99), "learning_rate": RATES}, 8)
    for name in given_first:
        np.testing.assert_array_equal(given_first[name], given_last[name])


def test_without_a_range_of_rates_their_dimension_is_left_out():
    both = spaces.points({"learning_rate": RATES, "b1": (0.5, 0.99)}, 8)
    alone = spaces.points({"b1": (0.5, 0.99)}, 8)
    assert set(alone) == {"b1"}
    np.testing.assert_array_equal(alone["b1"], both["b1"])


def test_fewer_points_are_the_first_of_more():
    few, many = (spaces.points({"learning_rate": RATES}, n) for n in (8, 32))
    np.testing.assert_array_equal(few["learning_rate"], many["learning_rate"][:8])


@pytest.mark.parametrize("n", [8, 64])
def test_rates_fill_every_decade_alike(n):
    rates = spaces.points({"learning_rate": (1e-4, 1e0)}, n)["learning_rate"]
    each, _ = np.histogram(np.log10(rates), bins=4, range=(-4, 0))
    assert each.tolist() == [n // 4] * 4


def test_points_are_spread_better_than_at_random():
    space = {"learning_rate": (1e-4, 1.0), "b1": (0.5, 0.99), "b2": (0.9, 0.999)}
    found = spaces.points(space, 64)
    unit = np.stack(
        [
            np.log(found["learning_rate"].astype(float) / 1e-4) / np.log(1e4),
            np.log((1 - found["b1"].astype(float)) / 0.5) / np.log(0.01 / 0.5),
            np.log((1 - found["b2"].astype(float)) / 0.1) / np.log(0.001 / 0.1),
        ],
        axis=1,
    ).clip(0, 1)
    random = np.random.default_rng(0).random((20, 64, 3))
    assert qmc.discrepancy(unit) < min(map(qmc.discrepancy, random))


@given(st.floats(0, 1))
def test_a_scale_takes_the_ends_to_the_ends_and_keeps_the_order(u):
    for low, high in ((1e-4, 1.0), (0.5, 0.99), (0.2, 1.2)):
        scale = spaces.scale_of("x", low, high)
        found = spaces.scaled(np.array([0.0, u, 1.0]), low, high, scale)
        np.testing.assert_allclose(found[[0, 2]], (low, high), rtol=1e-12)
        assert low * (1 - 1e-12) <= found[1] <= high * (1 + 1e-12)


@pytest.mark.parametrize("high", [0.5, 0.9, 0.99, 2.0])
def test_a_learning_rate_is_searched_by_its_logarithm_wherever_it_ends(high):
    assert spaces.scale_of("learning_rate", 1e-3, high) == "logarithmic"


def test_the_middle_of_a_decay_is_the_middle_of_its_memory():
    assert spaces.scale_of("b2", 0.9, 0.999) == "decay"
    middle = spaces.scaled(np.array([0.5]), 0.9, 0.999, "decay")
    np.testing.assert_allclose(middle, 0.99)


@pytest.mark.parametrize(
    ("space", "n", "message"),
    [
        ({"learning_rate": RATES}, 0, "points is 0: it must be a power of two"),
        ({"learning_rate": RATES}, 12, "points is 12: it must be a power of two"),
        ({}, 8, "a space needs at least one range, such as learning_rate's"),
        ({f"x{k}": (0.0, 1.0) for k in range(16)}, 8, "at most 15 ranges, not 16"),
        ({"learning_rate": (1.0, 1.0)}, 8, "learning_rate=1:1 is empty"),
        ({"learning_rate": RATES, "b1": (0.9, 0.5)}, 8, "b1=0.9:0.5 is empty"),
        ({"learning_rate": (0.0, 1.0)}, 8, "learning_rate starts at 0: it must be pos"),
        (
            {"learning_rate": RATES} | {f"x{k}": (0.0, 1.0) for k in range(16)},
            8,
            "at most 16 ranges, not 17",
        ),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space, n, message):
    with pytest.raises(ValueError, match=message):
        spaces.points(space, n)


@given(st.floats(0, 1))
def test_a_share_is_what_was_scaled(u):
    for low, high in ((1e-4, 1.0), (0.5, 0.99), (0.2, 1.2), (0.0, 0.99)):
        (value,) = spaces.scaled(
            np.array([u]), low, high, spaces.scale_of("x", low, high)
        )
        np.testing.assert_allclose(
            spaces.share("x", float(value), low, high), u, atol=1e-9
        )


def test_what_is_outside_a_range_has_a_share_beyond_it():
    assert spaces.share("x", 0.0, 1e-4, 1.0) == -math.inf
    assert spaces.share("x", 1.0, 0.5, 0.99) == math.inf
    assert spaces.share("x", 2.0, 0.2, 1.2) > 1
