# The sign of an average: every element moves equally far.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByLionState

from optax_lab import ewma, precision
from optax_lab.transforms import numerics

_SIGNS = {
    "hard": lambda x, beta: jnp.sign(x),
    "smooth": lambda x, beta: jnp.tanh(beta * x),
    "refined": lambda x, beta: jnp.where(jnp.abs(x) < 1, x, jnp.sign(x)),
}


def scale_by_sign() -> optax.GradientTransformation:
    """Keeps the sign of every element, and x/|x| of complex ones; 0 stays 0."""
    signs = lambda tree: numerics.like(precision.each(jnp.sign, tree), tree)
    return optax.stateless(lambda updates, params: signs(updates))


def scale_by_lion(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.99,
    mu_dtype: Any = None,
    *,
    mode: str = "hard",
    smooth_beta: ArrayLike = 1.0,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Takes the sign of an average that forgets faster than the one it keeps.

    cₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  μₜ = μₜ₋₁ + (1 − β₂)(gₜ − μₜ₋₁), and the update
    is sign cₜ. Only the sign counts, so neither average is debiased.

    Args:
      b1: β₁ in [0, 1), with which the update is averaged.
      b2: β₂ in [0, 1), with which μ is averaged.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      mode: "hard" is the sign of cₜ, "smooth" tanh(smooth_beta · cₜ), and "refined"
        cₜ itself within [−1, 1] and its sign beyond.
      smooth_beta: how steep "smooth" is.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2 (mode "hard"); the other
    modes are Optax's.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    if mode not in _SIGNS:
        raise ValueError(f"mode must be one of {', '.join(_SIGNS)}, got {mode!r}")
    sign = lambda x: _SIGNS[mode](x, smooth_beta)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        return ScaleByLionState(jnp.zeros([], jnp.int32), mu)

    def update_fn(updates, state, params=None):
        del params
        key = numerics.rounding_key(rounding, state.count, 0, state.mu)
        wide = ewma.Ewma(ewma.raw(state.mu), state.mu.weight)  # c is never rounded
        step = precision.each(sign, ewma.update(wide, updates, b1).average)
        mu = ewma.update(state.mu, updates, b2, key=key)
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByLionState(count, mu)

    return optax.GradientTransformation(init_fn, update_fn)
