# Steps whose length belongs to a whole tensor: norms of parameters and of gradients.

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByNovogradState

from optax_lab import ewma, precision
from optax_lab.transforms import numerics, scaling


def scale_by_trust_ratio(
    min_norm: ArrayLike = 0.0,
    trust_coefficient: ArrayLike = 1.0,
    eps: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """Makes a tensor's step as long as a part of the tensor itself.

    The update is c‖θ‖/(‖u‖ + ε) · u, norms taken tensor by tensor, and u itself where
    one of the two norms is 0: a tensor of zeros could not leave zero otherwise.

    Args:
      min_norm: what a smaller norm is replaced by.
      trust_coefficient: c.
      eps: ε.

    Sources: You et al. 2017, arXiv:1708.03888; You et al. 2019, arXiv:1904.00962.

    Raises:
      ValueError: if `update` is called without `params`.
    """
    numerics.check_at_least_0("min_norm", min_norm)
    numerics.check_at_least_0("trust_coefficient", trust_coefficient)
    numerics.check_at_least_0("eps", eps)

    def scale(update, param):
        param_norm = jnp.maximum(numerics.norm(param), min_norm)
        update_norm = jnp.maximum(numerics.norm(update), min_norm)
        is_zero = jnp.minimum(param_norm, update_norm) == 0
        below = jnp.where(is_zero, 1, update_norm + eps)
        ratio = jnp.where(is_zero, 1, trust_coefficient * param_norm / below)
        return precision.saturate(ratio) * update

    def update_fn(updates, params):
        numerics.check_params(params, "a trust ratio")
        return numerics.like(precision.each(scale, updates, params), updates)

    return optax.stateless(update_fn)


def scale_by_novograd(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.25,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    weight_decay: ArrayLike = 0.0,
    mu_dtype: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Sums gradients over the root of an average of their tensor's squared norm.

    νₜ = νₜ₋₁ + (1 − β₂)(‖gₜ‖² − νₜ₋₁), one number per tensor, which starts at its first
    value; μₜ = β₁μₜ₋₁ + gₜ/(√(νₜ + ε_root) + ε) + λθₜ₋₁, and the update is μₜ, a sum.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 μ and ν are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(νₜ + ε_root) + ε.

    Source: Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1, with an ε in the first
    step too.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)
    decay = scaling.weight_decay(weight_decay)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype).average
        norms = jax.tree.map(
            lambda p: jax.ShapeDtypeStruct((), jnp.result_type(p)), params
        )
        nu = ewma.init(norms, dtype=numerics.statistic_dtype(nu_dtype))
        return ScaleByNovogradState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        b2_now = ewma.first(state.nu, b2)
        nu = ewma.update(state.nu, numerics.norm_sq(updates), b2_now, key=keys[1])
        step = numerics.divide(updates, denominator(nu))
        step, _ = decay.update(step, optax.EmptyState(), params)
        mu = ewma.accumulate(state.mu, step, b1, key=keys[0])
        count = optax.safe_increment(state.count)
        return numerics.like(mu, updates), ScaleByNovogradState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)
