import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optax_lab.problems import augment


def test_every_signal_is_turned_in_a_circle_by_a_shift_of_its_own():
    signals = np.random.default_rng(0).normal(size=(500, 12)).astype(np.float32)
    turned = np.asarray(augment.shifts(3)(jax.random.key(1), jnp.asarray(signals)))
    found = []
    for before, after in zip(signals, turned, strict=True):
        same = [k for k in range(-6, 6) if np.array_equal(np.roll(before, k), after)]
        assert len(same) == 1
        found += same
    assert set(found) == set(range(-3, 4))
    assert np.bincount(np.array(found) + 3).min() > 40  # of 71 that are expected


def test_another_key_shifts_otherwise_and_no_places_change_nothing():
    signals = jnp.arange(20, dtype=jnp.float32).reshape(2, 10)
    one, other = (augment.shifts(4)(jax.random.key(k), signals) for k in (0, 1))
    assert not np.array_equal(one, other)
    none = augment.shifts(0)(jax.random.key(0), signals)
    np.testing.assert_array_equal(none, signals)


def test_fewer_than_no_places_are_refused():
    with pytest.raises(ValueError, match="most is -1: it must be at least 0"):
        augment.shifts(-1)
