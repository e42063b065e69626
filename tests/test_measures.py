import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab import measures
from tests.paths import tree


def flat(x):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(x)])


@pytest.mark.parametrize("complex_", [False, True])
def test_norms_ratios_and_cosines_are_numpys(complex_):
    a, b = tree(0, complex_), tree(1, complex_)
    x, y = flat(a), flat(b)
    close = lambda ours, numpys: np.testing.assert_allclose(ours, numpys, rtol=1e-13)
    close(measures.norm(a), np.linalg.norm(x))
    close(measures.ratio(a, b), np.linalg.norm(x) / np.linalg.norm(y))
    product = np.vdot(x, y).real / np.linalg.norm(x) / np.linalg.norm(y)
    close(measures.cosine(a, b), product)


@given(st.integers(-37, 37))
def test_a_norm_is_right_wherever_its_numbers_are(power):
    ones = jnp.full(100, 10.0**power, jnp.float32)
    assert float(measures.norm(ones)) == pytest.approx(10.0 ** (power + 1), rel=1e-6)
    assert float(measures.cosine(ones, -ones)) == pytest.approx(-1, rel=1e-6)
    assert float(measures.ratio(ones, 2 * ones)) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
def test_narrow_numbers_are_measured_in_float32(dtype):
    x = {"a": jnp.full(70_000, 10, dtype), "b": None, "c": jnp.zeros(0, dtype)}
    assert measures.norm(x).dtype == jnp.float32
    assert float(measures.norm(x)) == pytest.approx(10 * 70_000**0.5, rel=1e-6)


def test_leaves_of_several_dtypes_are_measured_together():
    x = {"a": jnp.ones(3, jnp.bfloat16), "b": jnp.ones((2, 3), jnp.float64)}
    assert measures.norm(x).dtype == jnp.float64
    assert float(measures.norm(x)) == 3
    assert float(measures.cosine(x, x)) == pytest.approx(1)


def test_nothing_has_the_norm_0_and_stands_at_no_angle():
    zeros, ones = jnp.zeros(3), jnp.ones(3)
    for empty in ({}, None, [], zeros):
        assert measures.norm(empty) == 0
    assert measures.cosine(zeros, ones) == measures.cosine(ones, zeros) == 0
    assert measures.cosine([], []) == 0
    assert measures.ratio(zeros, zeros) == 0
    assert measures.ratio(zeros, ones) == 0
    assert measures.ratio(ones, zeros) == np.inf
    assert measures.unchanged([], [], []) == 0


def test_what_is_not_finite_stays_in_the_norm():
    assert measures.norm(jnp.array([1.0, jnp.inf])) == np.inf
    assert measures.norm(jnp.array([1.0, -jnp.inf])) == np.inf
    assert np.isnan(measures.norm(jnp.array([1.0, jnp.nan])))
    assert np.isnan(measures.norm(jnp.array([jnp.inf, jnp.nan])))


def test_a_cosine_stays_between_minus_1_and_1():
    for seed in range(20):
        x = jax.random.normal(jax.random.key(seed), (1000,), jnp.float32)
        assert measures.cosine(x, 3 * x) <= 1
        assert measures.cosine(x, -x) >= -1


def test_elements_that_stood_still_are_counted_where_the_gradient_is_not_0():
    before = {"a": jnp.array([1.0, 2.0, 3.0, 4.0]), "b": jnp.zeros(())}
    after = {"a": jnp.array([1.0, 2.5, 3.0, 4.0]), "b": jnp.ones(())}
    gradient = {"a": jnp.array([1.0, 1.0, 0.0, -1.0]), "b": jnp.ones(())}
    assert measures.unchanged(before, after, gradient) == 2 / 4
    nothing = jax.tree.map(jnp.zeros_like, gradient)
    assert measures.unchanged(before, after, nothing) == 0
