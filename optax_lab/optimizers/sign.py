# The sign of an average: every element moves equally far.

from typing import Any

import optax

from optax_lab import ewma
from optax_lab.transforms import momentum, numerics, scaling
from optax_lab.transforms import sign as rules
from optax_lab.transforms.scheduling import Hyper, number, numbers, scheduled


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
        rules.scale_by_lion(b1, b2, mu_dtype, rounding=rounding),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
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
        momentum.ema(beta, False, accumulator_dtype, rounding=rounding),
        rules.scale_by_sign(),
        scaling.scale_by_learning_rate(learning_rate),
    )
