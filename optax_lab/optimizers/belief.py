# Squares taken with care: of surprises only (AdaBelief), or one small step at a time.

from typing import Any

import optax

from optax_lab.transforms import belief as rules
from optax_lab.transforms import numerics, scaling
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


@scheduled
def adabelief(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-16,
    eps_root: Hyper = 1e-16,
    *,
    nesterov: bool = False,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AdaBelief: Adam over the distance of gradients from their average.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ − μₜ|² − νₜ₋₁) + ε_root,
    θₜ = θₜ₋₁ − η μ̂ₜ/(√ν̂ₜ + ε), where a hat divides by the weight 1 − βᵗ. Where
    gradients are as expected, steps are long.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root. The paper's is 1e-8 in both places.
      eps_root: ε_root, which every step adds to ν; it stays there.
      nesterov: Nesterov's direction in Dozat's form.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adabelief(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.358
    3.738
    3.150

    Source: Zhuang et al. 2020, arXiv:2010.07468.
    """
    b1, b2, eps, eps_root = numbers(b1, b2, eps, eps_root)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov, **dtypes),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def yogi(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-3,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Yogi: Adam over squares that change by one square at most.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂) sign(|gₜ|² − νₜ₋₁)|gₜ|²,
    θₜ = θₜ₋₁ − η μₜ/(√νₜ + ε). After large gradients ν falls slowly where Adam's would
    fall fast. μ starts at 0 and ν at 1e-6.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `eps` are Optax's. Deviations: Optax starts μ
    at 1e-6 too, and debiases both although neither starts at 0. Here a gradient of 0
    moves nothing, and nothing is debiased, as in the paper.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.yogi(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.318
    1.685
    0.647

    Source: Zaheer et al. 2018, "Adaptive methods for nonconvex optimization" (NeurIPS).
    """
    b1, b2, eps = numbers(b1, b2, eps)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_yogi(b1, b2, eps, **dtypes),
        scaling.scale_by_learning_rate(learning_rate),
    )
