# Lion and Signum: the sign of an average, so that every element moves equally far.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByLionState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers, scheduled

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


@scheduled
def lion(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.99,
    mu_dtype: Any = None,
    weight_decay: Hyper = 1e-3,
    mask: Any = None,
    *,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Lion: the sign of an average of gradients, and decoupled weight decay.

    cₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  θₜ = θₜ₋₁ − η (sign cₜ + λθₜ₋₁),
    μₜ = μₜ₋₁ + (1 − β₂)(gₜ − μₜ₋₁). The step is taken by an average that forgets
    faster than the one that is kept. For complex numbers sign x is x/|x|.

    Args:
      learning_rate: η, every element's step, and 3 to 10 times less than Adam's.
      b1: β₁ in [0, 1), of the step.
      b2: β₂ in [0, 1), of μ.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      weight_decay: λ; the learning rate multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `mask` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.lion(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.419
    3.878
    3.378

    Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2.
    """
    b1, b2 = numbers(b1, b2)
    return optax.chain(
        scale_by_lion(b1, b2, mu_dtype, rounding=rounding),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def signum(
    learning_rate: Hyper,
    beta: Hyper = 0.9,
    accumulator_dtype: Any = None,
    *,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Signum: descent along the sign of the average of gradients.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁),  θₜ = θₜ₋₁ − η sign mₜ. Whether m is an average or
    a sum, with its bias or without, makes no difference to its sign. For complex
    numbers sign x is x/|x|.

    Args:
      learning_rate: η, the length of every element's step.
      beta: β in [0, 1).
      accumulator_dtype: what m is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 m is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `accumulator_dtype` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.signum(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.880
    3.380

    Source: Bernstein et al. 2018, arXiv:1802.04434, algorithm 2.
    """
    beta = number(beta)
    ewma.check_decay("beta", beta)
    return optax.chain(
        sgd.ema(beta, False, accumulator_dtype, rounding=rounding),
        scale_by_sign(),
        common.scale_by_learning_rate(learning_rate),
    )
