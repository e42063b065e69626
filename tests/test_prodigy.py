# Prodigy: what the cases of its oracle cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from tests.paths import run, tree


def descend(optimizer, x, steps):
    """Goes down Σx² from x; returns where it ends, and the state."""

    def step(carry, _):
        x, state = carry
        updates, state = optimizer.update(2 * x, state, x)
        return (optax.apply_updates(x, updates), state), None

    return jax.lax.scan(step, (x, optimizer.init(x)), None, steps)[0]


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e3])
def test_it_finds_the_distance_to_the_solution_without_a_rate(size):
    start = size * jnp.array([1.0, -2.0])
    x, state = descend(optax_lab.prodigy(), start, 300)
    assert 0.1 * size < state.estim_lr < 2 * size
    assert np.linalg.norm(x) < 0.1 * np.linalg.norm(start)


def test_the_estimate_never_falls():
    params, optimizer = tree(0), optax_lab.prodigy(estim_lr_coef=100.0)
    state, update, seen = optimizer.init(params), jax.jit(optimizer.update), []
    for t in range(20):
        updates, state = update(tree(1 + t), state, params)
        params = optax.apply_updates(params, updates)
        seen.append(float(state.estim_lr))
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_parameters_of_16_bits_find_it_too(dtype):
    # A first step must move them; the squares of d g may be less than float16 holds.
    start = jnp.array([1.0, -2.0], dtype)
    x, state = descend(optax_lab.prodigy(estim_lr0=0.02), start, 200)
    assert state.estim_lr.dtype == jnp.float32
    assert np.linalg.norm(np.asarray(x, float)) < 0.5
    assert 0.1 < state.estim_lr < 2


# --- Deviations -----------------------------------------------------------------------


def test_without_a_gradient_the_estimate_stays_where_optaxs_is_nan():
    params = tree(0)
    zeros = jax.tree.map(jnp.zeros_like, params)

    def after_a_step(optimizer):
        updates, state = optimizer.update(zeros, optimizer.init(params), params)
        return updates["w"], float(state.estim_lr)

    updates, distance = after_a_step(optax_lab.prodigy())
    assert distance == 1e-6
    np.testing.assert_array_equal(updates, 0)
    with jax.numpy_dtype_promotion("standard"):
        assert np.isnan(after_a_step(optax.contrib.prodigy())[1])


def test_the_paper_corrects_no_bias_and_optax_does():
    params, grads = tree(0), [tree(1)]
    ours = run(optax_lab.prodigy(), params, grads)[0]["w"] - params["w"]
    paper = optax_lab.prodigy(bias_correction=False)
    paper = run(paper, params, grads)[0]["w"] - params["w"]
    np.testing.assert_allclose(ours / paper, np.sqrt(1 - 0.999) / (1 - 0.9), rtol=1e-4)


def test_schedules_may_be_of_64_bits_where_the_parameters_are_of_32():
    x = jnp.array([1.0, -2.0], jnp.float32)
    half = lambda step: 0.5 / (1 + jnp.asarray(step, jnp.float64))
    names = ("learning_rate", "beta3", "eps", "estim_lr0", "estim_lr_coef")
    for name in (*names, "weight_decay"):
        optimizer = optax_lab.prodigy(**{name: half})
        updates, state = optimizer.update(x, optimizer.init(x), x)
        assert updates.dtype == state.inner.estim_lr.dtype == jnp.float32


# --- States, errors -------------------------------------------------------------------


def test_its_state_has_optaxs_fields_with_averages_inside():
    state = optax_lab.prodigy().init(jnp.zeros(2, jnp.complex64))
    theirs = type(optax.contrib.prodigy().init(jnp.zeros(2)))
    assert type(state).__name__ == theirs.__name__
    assert state._fields == theirs._fields
    for name in ("exp_avg", "exp_avg_sq", "grad_sum", "numerator_weighted"):
        assert isinstance(getattr(state, name), ewma.Ewma)
    assert state.exp_avg_sq.average.dtype == jnp.float32


def test_its_state_can_be_donated():
    optimizer, x = optax_lab.prodigy(), jnp.ones(2)
    step = jax.jit(optimizer.update, donate_argnums=(1, 2))
    updates, _ = step(x + 0, optimizer.init(x), x)
    assert np.all(updates < 0)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must lie in \[0, 1\), got 1.0"),
        ({"betas": (-0.1, 0.9)}, r"betas\[0\] must lie in \[0, 1\), got -0.1"),
        ({"beta3": 1.0}, r"beta3 must lie in \[0, 1\), got 1.0"),
        ({"estim_lr0": 0.0}, "estim_lr0 must be finite and above 0, got 0.0"),
        ({"estim_lr_coef": -1.0}, "estim_lr_coef must be .*got -1.0"),
        ({"eps": -1e-8}, "eps must be .*got -1e-08"),
        ({"weight_decay": -1.0}, "weight_decay must be .*got -1.0"),
        ({"learning_rate": -1.0}, "learning_rate must be .*got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.prodigy(**kwargs)


def test_missing_params_are_named():
    optimizer, x = optax_lab.prodigy(), jnp.ones(2)
    with pytest.raises(ValueError, match="prodigy needs params"):
        optimizer.update(x, optimizer.init(x))
