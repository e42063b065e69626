# Follow the regularised leader, per coordinate: Keras' Ftrl.

from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import numerics


class FtrlState(NamedTuple):
    """Holds the sum of squared gradients, and that of the shifted gradients."""

    accumulator: PyTree
    linear: PyTree


def ftrl(
    learning_rate: ArrayLike,
    learning_rate_power: ArrayLike,
    initial_accumulator_value: ArrayLike,
    l1: ArrayLike,
    l2: ArrayLike,
    l2_shrinkage: ArrayLike,
    beta: ArrayLike,
) -> optax.GradientTransformation:
    """Moves to the minimum of all gradients so far, taken as planes, plus penalties.

    With g′ = gₜ + 2λ_sθₜ₋₁, nₜ = nₜ₋₁ + gₜ² and σₜ = (nₜ^(−p) − nₜ₋₁^(−p))/η:
    zₜ = zₜ₋₁ + g′ − σₜθₜ₋₁, and θₜ = (clip(zₜ, ±λ₁) − zₜ) / (nₜ^(−p)/η + 2λ₂ + β/η).
    The update is θₜ − θₜ₋₁. Where the parameters started is forgotten at once.

    Args:
      learning_rate: η > 0.
      learning_rate_power: p ≤ 0; −0.5 is Adagrad's root.
      initial_accumulator_value: n₀ ≥ 0.
      l1: λ₁ ≥ 0: what is within ±λ₁ becomes exactly 0.
      l2: λ₂ ≥ 0.
      l2_shrinkage: λ_s ≥ 0, which only the gradients see.
      beta: β ≥ 0.

    Source: McMahan et al. 2013, doi:10.1145/2487575.2488200, algorithm 1.
    """
    numerics.check_above_0("learning_rate", learning_rate)
    power = lambda n: jnp.power(n, -1 * learning_rate_power)

    def init_fn(params):
        start = ewma.init(params, start=initial_accumulator_value)
        return FtrlState(start.average, ewma.init(params).average)

    def update_fn(updates, state, params=None):
        numerics.check_params(params, "Ftrl")
        squares = numerics.abs_sq(updates)
        total = _added(state.accumulator, squares)

        def pull(g, new, old, p):
            shift = (power(new) - power(old)) / learning_rate
            return g + 2 * l2_shrinkage * p - shift * p

        pulls = precision.each(pull, updates, total, state.accumulator, params)
        linear = _added(state.linear, pulls)

        def move(g, z, n, p):
            below = power(n) / learning_rate + 2 * l2 + beta / learning_rate
            return (jnp.clip(z, -1 * l1, l1) - z) / numerics.positive(below) - p

        moves = precision.each(move, updates, linear, total, params)
        return numerics.like(moves, updates), FtrlState(total, linear)

    return optax.GradientTransformation(init_fn, update_fn)


def _added(total: PyTree, x: PyTree) -> PyTree:
    """Returns the sum, cut at the largest number: differences of it are taken."""
    add = lambda t, x: t if x is None else precision.saturate(t + precision.saturate(x))
    return precision.store(precision.each(add, total, x), total)
