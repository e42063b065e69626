# Adagrad: what the cases of its oracle cannot say.

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.optimizers import numerics


def test_its_state_is_optaxs_a_sum_and_no_average():
    state = optax_lab.adagrad(0.1).init(jnp.zeros(2, jnp.bfloat16))
    assert isinstance(state[0], optax.ScaleByRssState)
    assert state[0].sum_of_squares.dtype == jnp.float32
    np.testing.assert_allclose(state[0].sum_of_squares, 0.1, rtol=1e-6)


def test_another_denominator_makes_it_pytorchs_adagrad():
    # g/(√s + ε) with s₀ = 0.
    denominator = numerics.outside(0.5)
    rule = optax_lab.scale_by_rss(0.0, denominator=denominator)
    g = jnp.array([3.0, -4.0])
    state = rule.init(g)
    _, state = rule.update(g, state)
    updates, _ = rule.update(g, state)
    size = np.abs(np.asarray(g))
    np.testing.assert_allclose(updates, g / (np.sqrt(2) * size + 0.5), rtol=1e-14)


def test_without_a_start_and_an_eps_a_zero_gradient_moves_nothing():
    optimizer = optax_lab.adagrad(0.1, initial_accumulator_value=0.0, eps=0.0)
    g = jnp.array([0.0, 2.0])
    updates, _ = optimizer.update(g, optimizer.init(g))
    np.testing.assert_allclose(updates, [0, -0.1], rtol=1e-14)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        (
            {"initial_accumulator_value": -0.1},
            "initial_accumulator_value must be finite and at least 0, got -0.1",
        ),
    ],
)
def test_an_impossible_number_is_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.adagrad(0.1, **kwargs)
