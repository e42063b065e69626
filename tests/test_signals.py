import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.problems import signals

KEY = functools.partial(jax.random.key, 0)  # not made before a test asks for it
sizes = st.sampled_from([1, 2, 37, 500])  # every other one is compiled anew
amounts = st.floats(0, 100, allow_subnormal=False)
periods = st.floats(0.01, 100)


def test_the_labs_series_is_the_default():
    signal = signals.sine(KEY())
    x = np.linspace(0, 2 * np.pi, 400)
    np.testing.assert_allclose(signal.x, x, atol=1e-14)
    np.testing.assert_allclose(signal.clean, np.sin(x + 2) + 2, atol=1e-14)
    assert np.abs(signal.noisy - signal.clean).max() <= 1


@given(sizes, periods, st.floats(-100, 100), amounts)
def test_every_argument_means_what_it_says(n, periods, offset, noise):
    signal = signals.sine(KEY(), n, periods, offset, noise)
    assert {series.shape for series in signal} == {(n,)}
    x = np.linspace(0, 2 * np.pi * periods, n)
    np.testing.assert_allclose(signal.x, x, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(signal.clean, np.sin(x + 2) + offset, atol=1e-10)
    assert np.abs(signal.noisy - signal.clean).max() <= noise * (1 + 1e-12) + 1e-12


def test_full_periods_end_where_they_began():
    for count in (1, 2, 7):
        clean = signals.sine(KEY(), periods=count).clean
        np.testing.assert_allclose(clean[-1], clean[0], atol=1e-12)
        crossings = np.diff(np.sign(np.asarray(clean) - 2)) != 0
        assert crossings.sum() == 2 * count


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_the_noise_is_uniform(seed, noise):
    n = 20_000
    signal = signals.sine(jax.random.key(seed), n, noise=noise)
    drawn = np.sort(np.asarray(signal.noisy - signal.clean)) / noise
    # Kolmogorov–Smirnov: the largest distance exceeds 2.5/√n once in 10⁵ seeds.
    expected = (drawn + 1) / 2
    assert np.abs(expected - np.arange(n) / n).max() < 2.5 / math.sqrt(n)
    assert drawn.std() == pytest.approx(1 / math.sqrt(3), rel=0.02)


def test_noise_depends_on_the_key_and_the_rest_does_not():
    a, b = signals.sine(KEY()), signals.sine(jax.random.key(1))
    assert (a.x == b.x).all()
    assert (a.clean == b.clean).all()
    assert (a.noisy != b.noisy).mean() > 0.99
    assert (signals.sine(KEY()).noisy == a.noisy).all()


def test_without_noise_the_series_is_clean():
    signal = signals.sine(KEY(), noise=0)
    assert (signal.noisy == signal.clean).all()


def test_series_are_made_under_jit_and_vmap():
    keys = jax.random.split(KEY(), 3)
    many = jax.jit(jax.vmap(signals.sine))(keys)
    np.testing.assert_allclose(many.noisy[1], signals.sine(keys[1]).noisy, rtol=1e-14)
    assert many.noisy.shape == (3, 400)


def test_without_x64_a_series_is_float32():
    with jax.enable_x64(False):
        signal = signals.sine(jax.random.key(0))
    assert {series.dtype for series in signal} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 0),
        ("n", -3),
        ("periods", 0),
        ("periods", -1.0),
        ("periods", math.inf),
        ("offset", math.nan),
        ("noise", -0.1),
        ("noise", math.inf),
        ("noise", math.nan),
    ],
)
def test_a_bad_argument_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}: it must be"):
        signals.sine(KEY(), **{name: value})
