# RMSProp and Adadelta: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics, rmsprop
from tests.oracles.rmsprop import adadelta
from tests.paths import run, tree

# --- RMSProp --------------------------------------------------------------------------


def test_a_given_start_is_not_debiased_which_is_a_deviation_from_optax():
    kwargs = {"initial_scale": 1.0, "bias_correction": True}
    ours = optax_lab.rmsprop(0.05, **kwargs)
    plain = optax_lab.rmsprop(0.05, initial_scale=1.0)
    params, grads = tree(0), [tree(1)]
    a, b = run(ours, params, grads)[0], run(plain, params, grads)[0]
    np.testing.assert_array_equal(a["w"], b["w"])
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.rmsprop(0.05, **kwargs), params, grads)[0]
    assert not np.allclose(a["w"], theirs["w"])


def test_a_variance_that_rounding_makes_negative_is_cut_at_0():
    # Optax takes the root of ν − |μ|² as it is, and gives NaN.
    kwargs = {"decay": 0.0, "eps": 0.0, "centered": True}
    g = jnp.array([0.3, 0.7], jnp.float32)
    optimizer = optax_lab.rmsprop(0.1, **kwargs)
    state = optimizer.init(g)
    for _ in range(5):
        updates, state = optimizer.update(g, state)
        assert np.all(np.isfinite(updates))


def test_both_sides_of_a_variance_are_stored_in_32_bits_unless_asked_otherwise():
    params = {"a": jnp.zeros(2, jnp.bfloat16), "b": jnp.zeros(2, jnp.complex64)}
    state = optax_lab.rmsprop(0.1, centered=True).init(params)[0]
    dtypes = lambda average: jax.tree.map(lambda x: x.dtype.name, average.average)
    assert dtypes(state.mu) == {"a": "float32", "b": "complex64"}
    assert dtypes(state.nu) == {"a": "float32", "b": "float32"}
    asked = optax_lab.rmsprop(0.1, centered=True, mu_dtype=jnp.bfloat16)
    state = asked.init(params)[0]
    assert dtypes(state.mu) == {"a": "bfloat16", "b": "complex64"}
    assert isinstance(state, rmsprop.ScaleByRStdDevWithCountState)


# --- Adadelta -------------------------------------------------------------------------


def test_without_a_rate_it_descends_where_optax_climbs():
    params, grads = jnp.array([1.0, -2.0]), [jnp.array([1.0, 0.5])] * 3
    ours = run(optax_lab.adadelta(), params, grads)
    paper = adadelta(np.asarray(params), np.asarray(grads), lambda t: 1.0)
    np.testing.assert_allclose(ours, paper, rtol=1e-13)
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.adadelta(), params, grads)
    mirrored = 2 * np.asarray(params) - np.asarray(theirs)
    np.testing.assert_allclose(ours, mirrored, rtol=1e-13)


def test_a_rate_of_adadelta_may_be_a_schedule_too():
    params, grads = jnp.array([1.0, -2.0]), [jnp.array([1.0, 0.5])] * 2
    ours = run(optax_lab.adadelta(lambda t: 1.0 * (1 - t)), params, grads)
    np.testing.assert_array_equal(ours[1], ours[0])


def test_its_state_is_optaxs_and_counts_steps_where_rounding_needs_them():
    state = optax_lab.adadelta().init(jnp.zeros(2))[1]
    assert isinstance(state, optax.ScaleByAdaDeltaState)
    assert isinstance(state.e_g, ewma.Ewma) and isinstance(state.e_x, ewma.Ewma)
    state = optax_lab.adadelta(nu_dtype=jnp.bfloat16).init(jnp.zeros(2))[1]
    assert isinstance(state, rmsprop.ScaleByAdaDeltaWithCountState)
    assert state.e_g.average.dtype == state.e_x.average.dtype == jnp.bfloat16


def test_without_weight_decay_it_needs_no_params_and_with_it_says_so():
    g = jnp.ones(2)
    optimizer = optax_lab.adadelta()
    optimizer.update(g, optimizer.init(g))
    optimizer = optax_lab.adadelta(weight_decay=0.1)
    with pytest.raises(ValueError, match="weight_decay needs params"):
        optimizer.update(g, optimizer.init(g))


def test_only_the_parameters_under_the_mask_decay():
    mask = {"w": True, "b": False}
    optimizer = optax_lab.adadelta(weight_decay=0.1, weight_decay_mask=mask)
    params = {"w": jnp.ones(2), "b": jnp.ones(2)}
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zeros, optimizer.init(params), params)
    assert np.all(updates["w"] < 0)
    np.testing.assert_array_equal(updates["b"], 0)


def test_another_denominator_replaces_the_one_of_the_gradients_only():
    rule = optax_lab.scale_by_adadelta(0.5, 0.25, denominator=numerics.outside(1.0))
    g = jnp.array([3.0, -4.0])
    updates, _ = rule.update(g, rule.init(g))
    size = np.abs(np.asarray(g))  # read without its bias, the average is |g|²
    np.testing.assert_allclose(updates, np.sqrt(0.25) * g / (size + 1), rtol=1e-14)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"rho": 1.0}, r"rho must lie in \[0, 1\), got 1.0"),
        ({"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ({"learning_rate": -1.0}, "learning_rate must be.*got -1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be.*got -1.0"),
        ({"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
    ],
)
def test_an_impossible_number_is_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.adadelta(**kwargs).init(jnp.zeros(2))
