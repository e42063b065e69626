# AdaBelief and Yogi: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics
from tests.oracles.adabelief import yogi
from tests.paths import run, tree


def last(rule, grads):
    """Returns the rule's last update and state."""
    state = rule.init(grads[0])
    for g in grads:
        updates, state = rule.update(g, state)
    return updates, state


@pytest.mark.parametrize(
    ("name", "state"),
    [("adabelief", optax.ScaleByBeliefState), ("yogi", optax.ScaleByAdamState)],
)
def test_states_are_optaxs_with_averages_inside(name, state):
    ours = getattr(optax_lab, name)(0.1).init(jnp.zeros(2, jnp.complex64))[0]
    assert isinstance(ours, state)
    assert isinstance(ours.mu, ewma.Ewma) and isinstance(ours.nu, ewma.Ewma)
    assert ours.nu.average.dtype == jnp.float32


# --- AdaBelief ------------------------------------------------------------------------


def test_gradients_that_are_as_expected_make_long_steps():
    steady = [jnp.array([0.1])] * 200
    noisy = [jnp.array([0.1 + (-1) ** t]) for t in range(200)]
    rule = optax_lab.scale_by_belief(b2=0.9)
    assert np.abs(last(rule, steady)[0]) > 1e3
    assert np.abs(last(rule, noisy)[0]) < 1


def test_its_eps_root_is_kept_in_the_average():
    # With ν̂ = ε_root/(1 − β₂) once gradients are as expected.
    g = [jnp.zeros(1)] * 5
    _, state = last(optax_lab.scale_by_belief(b2=0.9, eps_root=0.01), g)
    np.testing.assert_allclose(ewma.read(state.nu), 0.1, rtol=1e-13)


def test_adabelief_takes_another_denominator():
    rule = optax_lab.scale_by_belief(0.5, eps_root=0.0, denominator=numerics.hat(0.5))
    g = jnp.array([2.0])
    updates, _ = rule.update(g, rule.init(g))
    w = 1 - 0.999  # of the error 2 − 1 the square is 1
    np.testing.assert_allclose(updates, [2 / (1 + 0.5 / np.sqrt(w))], rtol=1e-12)


# --- Yogi -----------------------------------------------------------------------------


def test_yogi_is_the_papers_and_not_optaxs_which_debiases_its_start():
    params, grads = jnp.array([1.0, -2.0]), [jnp.array([1.0, 0.01])] * 5
    ours = run(optax_lab.yogi(0.1), params, grads)
    paper = yogi(np.asarray(params), np.asarray(grads), lambda t: 0.1)
    np.testing.assert_allclose(ours, paper, rtol=1e-13)
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.yogi(0.1), params, grads)
    assert np.max(np.abs(np.asarray(ours) - np.asarray(theirs))) > 0.05


def test_a_zero_gradient_moves_nothing_where_optax_moves_by_its_start():
    zeros = jnp.zeros(2)
    optimizer = optax_lab.yogi(0.1)
    updates, _ = optimizer.update(zeros, optimizer.init(zeros))
    np.testing.assert_array_equal(updates, 0)
    with jax.numpy_dtype_promotion("standard"):
        theirs = optax.yogi(0.1)
        updates, _ = theirs.update(zeros, theirs.init(zeros))
    assert np.all(np.abs(updates) > 0)


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_the_rule_has_a_start_and_an_eps_inside_the_root(start):
    params, grads = tree(0)["w"], [tree(1 + t)["w"] for t in range(20)]
    rule = optax_lab.scale_by_yogi(0.8, 0.7, 0.1, 0.3, start)
    ours = run(optax.chain(rule, optax.scale(-0.1)), params, grads)
    hyper = {"b1": 0.8, "b2": 0.7, "eps": 0.1, "eps_root": 0.3, "start": start}
    paper = yogi(params, grads, lambda t: 0.1, **hyper)
    np.testing.assert_allclose(ours, paper, rtol=1e-12)


def test_after_a_large_gradient_it_forgets_by_what_it_sees_and_adam_by_what_it_holds():
    grads = [jnp.array([10.0])] + [jnp.array([0.1])] * 20
    _, ours = last(optax_lab.scale_by_yogi(b2=0.9), grads)
    _, adams = last(optax_lab.scale_by_adam(b2=0.9), grads)
    np.testing.assert_allclose(ours.nu.average, 10 - 20 * 0.1 * 0.01, rtol=1e-6)
    assert float(adams.nu.average[0]) < 2


def test_yogi_takes_another_denominator():
    denominator = lambda nu: jax.tree.map(lambda v: v + 1, nu.average)
    rule = optax_lab.scale_by_yogi(0.5, 0.5, denominator=denominator)
    g = jnp.array([2.0])
    updates, _ = rule.update(g, rule.init(g))
    np.testing.assert_allclose(updates, [1 / (1e-6 + 2 + 1)], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("adabelief", {"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ("adabelief", {"b2": -0.1}, r"b2 must lie in \[0, 1\), got -0.1"),
        ("adabelief", {"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ("adabelief", {"eps_root": -1.0}, "eps_root must be.*got -1.0"),
        ("adabelief", {"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
        ("yogi", {"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ("yogi", {"b2": 1.0}, r"b2 must lie in \[0, 1\), got 1.0"),
        ("yogi", {"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ("yogi", {"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
    ],
)
def test_an_impossible_number_is_refused_by_name(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(optax_lab, name)(0.1, **kwargs).init(jnp.zeros(2))


def test_the_rule_of_yogi_refuses_a_negative_start():
    with pytest.raises(ValueError, match=r"initial_accumulator_value .*got -1\.0"):
        optax_lab.scale_by_yogi(initial_accumulator_value=-1.0)
