# The average of gradients over the root of the average of their squares.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree
from optax import ScaleByAdamState

from optax_lab import ewma
from optax_lab.transforms import momentum, numerics


def scale_by_adam(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by the root of the average of their squares.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁), and the
    update is μ̂ₜ / (√(ν̂ₜ + ε_root) + ε), where μ̂ₜ = μₜ/wₜ is read without its bias.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: puts β₁μₜ/wₜ₊₁ + (1 − β₁)gₜ/wₜ in the place of μ̂ₜ.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(ν̂ₜ + ε_root) + ε.

    Sources: Kingma & Ba 2014, arXiv:1412.6980, algorithm 1; Dozat 2016,
    openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ (nesterov, without its extra β₂).
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)

    def init_fn(params):
        return zero_moments(params, mu_dtype, nu_dtype)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[1])
        mean = momentum.look_ahead(mu, updates, b1) if nesterov else ewma.read(mu)
        step = numerics.divide(mean, denominator(nu))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def zero_moments(params: PyTree, mu_dtype: Any, nu_dtype: Any) -> ScaleByAdamState:
    """Makes the state of a rule that averages gradients (μ) and their squares (ν)."""
    mu = ewma.init(params, dtype=mu_dtype)
    nu = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
    return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)
