# Adam along Nesterov's direction, with Dozat's rising β₁: PyTorch's and Keras' NAdam.

from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int

from optax_lab import ewma, precision
from optax_lab.optimizers import numerics


class ScaleByWarmedNadamState(NamedTuple):
    """Holds two averages; μ's weight is that of the rising decay, 1 − Πμₜ."""

    count: Int[Array, ""]
    mu: ewma.Ewma
    nu: ewma.Ewma


def scale_by_warmed_nadam(
    b1: ArrayLike, b2: ArrayLike, eps: ArrayLike, momentum_decay: ArrayLike
) -> optax.GradientTransformation:
    """Averages gradients with β₁, and debiases as if the decay had risen to it.

    With ψ the momentum decay, βₜ = β₁(1 − ½·0.96^(tψ)) and wₜ = 1 − β₁…βₜ, the update
    is (βₜ₊₁mₜ/wₜ₊₁ + (1 − βₜ)gₜ/wₜ) / (√ν̂ₜ + ε), where m and ν are Adam's averages.

    Args:
      b1: β₁ in [0, 1), with which m is averaged.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      momentum_decay: ψ ≥ 0; Keras' is 1.

    Source: Dozat 2016, openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, section 3, whose m
    is averaged with βₜ too.
    """
    numerics.check_at_least_0("momentum_decay", momentum_decay)
    denominator = numerics.outside(eps)

    def init_fn(params):
        nu = ewma.init(params, dtype=numerics.statistic_dtype())
        count = jnp.zeros([], jnp.int32)
        return ScaleByWarmedNadamState(count, ewma.init(params), nu)

    def update_fn(updates, state, params=None):
        del params
        count = jnp.asarray(optax.safe_increment(state.count))
        step = jnp.asarray(count, state.mu.weight.dtype)
        now, after = (_risen(b1, momentum_decay, step + n) for n in (0, 1))
        weight = _weighed(state.mu.weight, now)
        next_weight = _weighed(weight, after)
        mu = ewma.update(state.mu, updates, b1)._replace(weight=weight)
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2)

        ahead = lambda m, g: after * m / next_weight + (1 - now) * g / weight
        mean = precision.each(lambda g, m: ahead(m, g), updates, mu.average)
        step = numerics.divide(mean, denominator(nu))
        return numerics.like(step, updates), ScaleByWarmedNadamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def _risen(b1: ArrayLike, momentum_decay: ArrayLike, step: Array) -> Array:
    """Returns βₜ = β₁(1 − ½·0.96^(tψ)), from β₁/2 up to β₁."""
    return precision.each(lambda t: b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)), step)


def _weighed(weight: Array, decay: Array) -> Array:
    """Returns the weight of an average after one more step with this decay."""
    return ewma.update(ewma.Ewma(None, weight), None, decay).weight
