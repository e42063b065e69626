# The average of gradients over a maximum: denominators that do not shrink at once.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByAdamState, ScaleByAmsgradState

from optax_lab import ewma, precision
from optax_lab.transforms import numerics


def scale_by_amsgrad(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by the largest root mean square so far.

    With μ and ν as in `scale_by_adam`, ν⁺ₜ = max(ν⁺ₜ₋₁, ν̂ₜ), and the update is
    μ̂ₜ / (√(ν⁺ₜ + ε_root) + ε).

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      bias_correction_mu: reads μ̂ₜ = μₜ/wₜ; the paper has μₜ itself.
      bias_correction_nu: compares ν̂ₜ = νₜ/wₜ; the paper has νₜ itself.
      nu_dtype: what ν and ν⁺ are stored in; real and at least float32 when None. ν⁺
        keeps the peaks of a bfloat16 ν that is rounded at random.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν⁺, with the weight of ν, that replaces the one above.

    Source: Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    own = numerics.outside(eps, eps_root, average=ewma.raw)
    denominator = denominator or own
    mean_of = ewma.read if bias_correction_mu else ewma.raw
    square_of = ewma.read if bias_correction_nu else ewma.raw

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        squares = lambda: ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        count = jnp.zeros([], jnp.int32)
        return ScaleByAmsgradState(count, mu, squares(), squares().average)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[1])
        largest = precision.each(jnp.maximum, state.nu_max, square_of(nu))
        # To nearest: rounded at random, a maximum would climb step by step.
        nu_max = precision.store(largest, state.nu_max)
        step = numerics.divide(mean_of(mu), denominator(nu._replace(average=nu_max)))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAmsgradState(count, mu, nu, nu_max)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_adamax(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by their exponentially weighted maximum.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = max(β₂νₜ₋₁, |gₜ| + ε), and the update is
    μ̂ₜ / νₜ. ν is no average: a maximum has no bias toward the zero it starts from.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, which keeps ν away from 0; the paper has none.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".
      denominator: a function of ν, as an average of weight 1, that replaces ν.

    Source: Kingma & Ba 2014, arXiv:1412.6980, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("eps", eps)
    numerics.check_rounding(rounding)

    denominator = denominator or ewma.raw

    # Not over tiny: XLA makes m/(wn) of (m/w)/n, and a weight times tiny is 0.
    over_0 = lambda n: jnp.maximum(n, numerics.root(jnp.zeros_like(n)))

    def larger(n, g):
        if g is None:
            return n
        return jnp.maximum(b2 * n, precision.saturate(jnp.abs(g)) + eps)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        nu = ewma.init(params, dtype=numerics.statistic_dtype()).average
        return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        del params
        key = numerics.rounding_key(rounding, state.count, 0, state.mu)
        mu = ewma.update(state.mu, updates, b1, key=key)
        nu = precision.store(precision.each(larger, state.nu, updates), state.nu)
        below = denominator(ewma.Ewma(nu, jnp.ones([], jnp.float32)))
        step = numerics.divide(ewma.read(mu), precision.each(over_0, below))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)
