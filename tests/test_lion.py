# lion and signum: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from tests.paths import RATE, run, tree


def averages(rule, length=15_000):
    """Returns the rule's last state on a stream of ones."""
    g = jnp.ones(500, jnp.float32)
    step = lambda state, _: (rule.update(g, state)[1], None)
    return jax.lax.scan(step, rule.init(g), None, length)[0]


@pytest.mark.parametrize("make", [optax_lab.lion, optax_lab.signum])
def test_every_element_moves_by_the_rate_whatever_its_gradient(make):
    kwargs = {"weight_decay": 0.0} if make is optax_lab.lion else {}
    params, grads = tree(0), [tree(1)]
    (after,) = run(make(RATE, **kwargs), params, grads)
    (smaller,) = run(
        make(RATE, **kwargs), params, [jax.tree.map(lambda g: g / 1e6, tree(1))]
    )
    for old, new, g in zip(
        *map(jax.tree.leaves, (params, after, tree(1))), strict=True
    ):
        np.testing.assert_allclose(new, old - RATE * np.sign(g), rtol=1e-12)
    jax.tree.map(np.testing.assert_array_equal, after, smaller)


@pytest.mark.parametrize("make", [optax_lab.lion, optax_lab.signum])
def test_a_complex_element_moves_by_the_rate_in_its_gradients_direction(make):
    g = jnp.array([3 - 4j, 0, 2j])
    optimizer = make(RATE)
    updates, _ = optimizer.update(g, optimizer.init(g), jnp.zeros_like(g))
    np.testing.assert_allclose(
        updates, -RATE * np.array([0.6 - 0.8j, 0, 1j]), rtol=1e-12
    )


@pytest.mark.parametrize("mode", ["hard", "smooth", "refined"])
def test_the_modes_of_lion_are_optaxs(mode):
    kwargs = {"b1": 0.5, "b2": 0.9, "mode": mode, "smooth_beta": 2.0}
    ours, theirs = optax_lab.scale_by_lion(**kwargs), optax.scale_by_lion(**kwargs)
    params = tree(0)
    mine, other = ours.init(params), theirs.init(params)
    for t in range(5):
        g = jax.tree.map(lambda x: x / 3, tree(1 + t))
        a, mine = ours.update(g, mine)
        b, other = theirs.update(g, other)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12), a, b)


def test_lions_step_is_not_rounded_to_what_its_average_is_stored_in():
    # 1e-9 is 0 in float16.
    g = jnp.array([1e-8, -1e-8], jnp.float32)
    rule = optax_lab.scale_by_lion(mu_dtype=jnp.float16)
    updates, state = rule.update(g, rule.init(g))
    np.testing.assert_array_equal(updates, [1, -1])
    np.testing.assert_array_equal(state.mu.average, 0)


def test_16_bit_averages_of_signs_arrive_where_nearest_rounding_stalls():
    def mean(rounding):
        by_lion = averages(
            optax_lab.scale_by_lion(b2=0.999, mu_dtype="bfloat16", rounding=rounding)
        )
        optimizer = optax_lab.signum(
            RATE, beta=0.999, accumulator_dtype="bfloat16", rounding=rounding
        )
        by_signum = averages(optimizer)[0]
        both = (by_lion.mu.average, by_signum.ema.average)
        return [np.mean(np.asarray(average, np.float64)) for average in both]

    np.testing.assert_allclose(mean("stochastic"), 1, atol=0.02)
    assert max(mean("nearest")) < 0.6


def test_states_of_signs_have_optaxs_classes_and_fields():
    for make, names in (
        (lambda lib: lib.lion(RATE), "ScaleByLionState EmptyState EmptyState"),
        (lambda lib: lib.signum(RATE), "EmaState EmptyState EmptyState"),
    ):
        ours, theirs = make(optax_lab).init(jnp.ones(2)), make(optax).init(jnp.ones(2))
        assert [type(s).__name__ for s in ours] == names.split()
        assert [s._fields for s in ours] == [s._fields for s in theirs]
    assert isinstance(optax_lab.lion(RATE).init(jnp.ones(2))[0].mu, ewma.Ewma)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.lion(RATE, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.lion(RATE, b2=-0.1), r"b2 must lie in \[0, 1\), got -0.1"),
        (lambda: optax_lab.lion(RATE, weight_decay=-1.0), "weight_decay must be"),
        (lambda: optax_lab.signum(RATE, 1.0), r"beta must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.scale_by_lion(mode="soft"), "mode must be.*hard.*'soft'"),
    ],
)
def test_what_no_average_of_signs_can_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_lion_without_params_says_what_is_missing():
    optimizer = optax_lab.lion(RATE)
    with pytest.raises(ValueError, match="weight_decay needs params"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
