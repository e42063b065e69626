# LaProp and ADOPT: what the cases of their oracles cannot say.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from tests.oracles import Line
from tests.oracles.laprop import adopt
from tests.paths import RATE, run, tree


def steps(rule, grads):
    """Returns the rule's updates for each gradient, and its last state."""
    state, updates = rule.init(grads[0]), []
    for g in grads:
        update, state = rule.update(g, state)
        updates.append(update)
    return updates, state


# --- LaProp ---------------------------------------------------------------------------


def test_a_step_of_laprop_is_a_mean_of_normalised_gradients():
    # Adam's step is unbounded where β₁ > √β₂: a large gradient outlives its square.
    grads = [jnp.array([1e6])] + [jnp.array([1e-3])] * 20
    hyper = {"b1": 0.99, "b2": 0.1}
    laprop, _ = steps(optax_lab.scale_by_laprop(**hyper), grads)
    adam, _ = steps(optax_lab.scale_by_adam(**hyper), grads)
    assert np.max(np.abs(laprop)) <= 1 / np.sqrt(1 - 0.1)
    assert np.max(np.abs(adam)) > 1e3


def test_laprop_takes_the_rate_of_the_step_and_not_an_average_of_rates():
    # The authors' code averages ηₜ times the normalised gradient; the paper does not.
    params, grads = tree(0), [tree(1), tree(2)]
    full = optax_lab.laprop(RATE)
    stopped = optax_lab.laprop(lambda t: RATE * (1 - t))
    first, second = run(stopped, params, grads)
    np.testing.assert_array_equal(first["w"], run(full, params, grads)[0]["w"])
    np.testing.assert_array_equal(second["w"], first["w"])


# --- ADOPT ----------------------------------------------------------------------------


def test_the_first_call_of_adopt_only_sets_the_second_moment():
    g = jnp.array([3.0, -0.5])
    for rule in (
        optax_lab.scale_by_adopt(),
        optax_lab.scale_by_adopt(use_clipping=False, nesterov=True),
    ):
        (update,), state = steps(rule, [g])
        np.testing.assert_array_equal(update, 0)
        np.testing.assert_array_equal(state.mu.average, 0)
        assert float(state.mu.weight) == 0
        np.testing.assert_array_equal(state.nu.average, g**2)
        assert float(state.nu.weight) == 1


def test_adopt_divides_a_gradient_by_what_came_before_it():
    first, second = jnp.array([2.0, -0.5]), jnp.array([3.0, 100.0])
    rule = optax_lab.scale_by_adopt(b1=0.5, use_clipping=False)
    (_, update), _ = steps(rule, [first, second])
    np.testing.assert_allclose(update, second / np.abs(first) / 2)


def test_adopt_clips_at_the_fourth_root_of_the_step_as_optax_does():
    theirs = inspect.signature(optax.contrib.adopt).parameters["clip_value_fn"].default
    for make in (optax_lab.adopt, optax_lab.scale_by_adopt):
        ours = inspect.signature(make).parameters["clip_value_fn"].default
        for t in range(5):
            assert ours(t) == theirs(t) == t**0.25


def test_adopt_follows_the_paper_where_its_docstring_in_optax_names_another():
    assert "2411.02853" in optax_lab.adopt.__doc__
    params, grads = tree(0), [tree(1 + t) for t in range(10)]
    path = run(optax_lab.adopt(RATE), params, grads)
    paper = adopt(params["w"], [g["w"] for g in grads], lambda t: RATE)
    np.testing.assert_allclose(path[-1]["w"], paper[-1], rtol=1e-12)


def test_adopt_clips_a_complex_gradient_in_its_modulus():
    first, second = jnp.array([1.0 + 0j]), jnp.array([300.0 + 400.0j])
    rule = optax_lab.scale_by_adopt(b1=0.0, clip_value_fn=lambda t: 2.0)
    (_, update), _ = steps(rule, [first, second])
    np.testing.assert_allclose(update, [1.2 + 1.6j])


def test_adopt_takes_a_number_for_its_limit_as_hyperparameters_are_injected():
    params, grads = tree(0), [tree(1 + t) for t in range(5)]
    number = run(optax_lab.adopt(RATE, clip_value_fn=0.3), params, grads)
    function = run(optax_lab.adopt(RATE, clip_value_fn=lambda t: 0.3), params, grads)
    np.testing.assert_array_equal(number[-1]["w"], function[-1]["w"])
    with jax.numpy_dtype_promotion("standard"):
        inject = optax.inject_hyperparams(optax_lab.adopt, hyperparam_dtype=jnp.float64)
        limit = Line(0.3, 0.1)
        injected = run(inject(RATE, clip_value_fn=limit), params, grads)
    plain = run(optax_lab.adopt(RATE, clip_value_fn=limit), params, grads)
    np.testing.assert_allclose(injected[-1]["w"], plain[-1]["w"], rtol=1e-12)


# --- Both -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.laprop(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.laprop(0.1, b2=-0.1), r"b2 must lie in \[0, 1\), got -0.1"),
        (lambda: optax_lab.laprop(0.1, eps=-1.0), "eps must be.*got -1.0"),
        (lambda: optax_lab.laprop(0.1, weight_decay=-1.0), "weight_decay must be"),
        (lambda: optax_lab.laprop(0.1, nu_dtype="float16"), "nu_dtype must be"),
        (lambda: optax_lab.adopt(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.adopt(0.1, b2=2), r"b2 must lie in \[0, 1\), got 2"),
        (lambda: optax_lab.adopt(0.1, eps=-1.0), "eps must be.*got -1.0"),
        (lambda: optax_lab.adopt(0.1, clip_value_fn=-1.0), "clip_value_fn must be"),
        (lambda: optax_lab.adopt(0.1, rounding="nearest", nu_dtype="float16"), "nu_"),
    ],
)
def test_a_number_that_laprop_or_adopt_cannot_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make().init(jnp.zeros(2))


def test_weight_decay_without_params_says_what_is_missing():
    optimizer = optax_lab.laprop(0.1, weight_decay=0.1)
    with pytest.raises(ValueError, match="params"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))


@pytest.mark.parametrize("make", [optax_lab.laprop, optax_lab.adopt])
def test_the_state_is_that_of_adam_as_in_optax(make):
    ours = make(0.1).init(jnp.zeros(2))[0]
    theirs = optax.contrib.adopt(0.1).init(jnp.zeros(2))[0]
    assert type(ours) is type(theirs) is optax.ScaleByAdamState
    assert isinstance(ours.mu, ewma.Ewma)
    assert isinstance(ours.nu, ewma.Ewma)
    of_complex = make(0.1).init(jnp.zeros(2, jnp.complex64))[0]
    assert of_complex.mu.average.dtype == jnp.complex64
    assert of_complex.nu.average.dtype == jnp.float32


@pytest.mark.parametrize("make", [optax_lab.laprop, optax_lab.adopt])
def test_16_bit_averages_arrive_where_nearest_rounding_stalls(make):
    g = jnp.full(500, 0.5, jnp.float32)

    def last(rounding):
        dtypes = {"mu_dtype": jnp.bfloat16, "nu_dtype": jnp.bfloat16}
        optimizer = make(0.1, b1=0.999, b2=0.999, rounding=rounding, **dtypes)
        step = lambda state, _: (optimizer.update(g, state)[1], None)
        return jax.lax.scan(step, optimizer.init(g), None, 12_000)[0][0]

    by_chance, nearest = last("stochastic"), last("nearest")
    for average, expected in ((by_chance.mu, 1.0), (by_chance.nu, 0.25)):
        mean = np.mean(np.asarray(average.average, np.float64))
        assert mean == pytest.approx(expected, rel=0.04)
    assert np.max(np.asarray(nearest.mu.average, np.float64)) < 0.6
